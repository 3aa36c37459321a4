package postgres

import (
	"context"
	"fmt"
	"time"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// Limits of a flush, in PostgreSQL and here. What PostgreSQL ends has certainly
// changed nothing and can be tried again; our own limit is for one that does not
// answer at all.
const (
	flushLockTimeout      = "1000" // ms
	flushStatementTimeout = "2000" // ms
	flushTimeout          = 3 * time.Second
)

// readerLife is how old the last word of a node may be before the node counts
// as gone, and its readers with it.
const readerLife = 5 * time.Second

// AddViews adds counts to the views of posts and says how many readers this node
// serves now, of the blogs whose number is another than it said before: one
// statement, whatever the number of blogs. It takes no lock that anybody else
// holds for longer than a moment: neither the rows of blogs, which the publishers
// queue for, nor those of posts. It does not wait for the disk: a crash of
// PostgreSQL may cost the last moments of counting. Ids that are no published
// posts of their blog are passed over.
//
// It goes on when ctx is cancelled, so that the stop of a node does not decide
// what was counted, and ends by the deadline of ctx. known tells that what the
// node said before still stands; if not, it has to say it all again.
func (db *DB) AddViews(ctx context.Context, nodeID uuid.UUID, views map[uuid.UUID]map[uuid.UUID]int64, readers map[uuid.UUID]int64) (known bool, err error) {
	ctx, cancel := uncancelled(ctx, flushTimeout)
	defer cancel()
	batch := &pgx.Batch{}
	batch.Queue(`
		SELECT set_config('synchronous_commit', 'off', true), set_config('lock_timeout', $1, true),
		       set_config('statement_timeout', $2, true)`, flushLockTimeout, flushStatementTimeout)
	v, r := columnsOf(views), readerColumns(readers)
	batch.Queue(addViews, nodeID, v.blogs, v.posts, v.numbers, r.blogs, r.numbers, readerLife).QueryRow(func(row pgx.Row) error {
		return row.Scan(&known)
	})
	conn, err := acquire(ctx, db.logPool.Pool)
	if err != nil {
		return false, err
	}
	defer conn.Release()
	db.logPool.statements.Add(int64(batch.Len()))
	err = flushError(conn.SendBatch(ctx, batch).Close())
	return known, err
}

const addViews = `
	WITH counted AS (
		INSERT INTO post_views (post_id, blog_id, views)
		SELECT c.post_id, c.blog_id, c.n
		FROM unnest($2::uuid[], $3::uuid[], $4::bigint[]) AS c(blog_id, post_id, n)
		JOIN posts p ON p.id = c.post_id AND p.blog_id = c.blog_id AND p.status = 'published'
		ORDER BY c.post_id
		ON CONFLICT (post_id) DO UPDATE
			SET views = post_views.views + excluded.views, updated_at = clock_timestamp()
	), present AS (
		INSERT INTO node_readers (node_id, blog_id, readers)
		SELECT $1, r.blog_id, r.n FROM unnest($5::uuid[], $6::bigint[]) AS r(blog_id, n)
		ON CONFLICT (blog_id, node_id) DO UPDATE SET readers = excluded.readers, at = clock_timestamp()
	), alive AS (
		INSERT INTO nodes (id) VALUES ($1)
		ON CONFLICT (id) DO UPDATE SET at = clock_timestamp()
	)
	SELECT EXISTS (SELECT FROM nodes WHERE id = $1 AND at > clock_timestamp() - $7::interval)`

// uncancelled is ctx without its cancellation: it ends after limit, or by the
// deadline of ctx.
func uncancelled(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	ends := time.Now().Add(limit)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(ends) {
		ends = deadline
	}
	return context.WithDeadline(context.WithoutCancel(ctx), ends)
}

// flushError tells a certain failure from an uncertain one. The commit waits for
// nothing, so what PostgreSQL reports is certain.
func flushError(err error) error {
	if err == nil || state(err) != "" || pgconn.SafeToRetry(err) {
		return dbError(err)
	}
	return fmt.Errorf("%w: views: %w", liveblog.ErrUnknownOutcome, err)
}

// flushColumns are the parameters of a flush: the rows as columns.
type flushColumns struct {
	blogs, posts []uuid.UUID
	numbers      []int64
}

func columnsOf(views map[uuid.UUID]map[uuid.UUID]int64) (c flushColumns) {
	for blogID, posts := range views {
		for postID, n := range posts {
			c.blogs, c.posts, c.numbers = append(c.blogs, blogID), append(c.posts, postID), append(c.numbers, n)
		}
	}
	return c
}

func readerColumns(readers map[uuid.UUID]int64) (c flushColumns) {
	for blogID, n := range readers {
		c.blogs, c.numbers = append(c.blogs, blogID), append(c.numbers, n)
	}
	return c
}

// ForgetReaders deletes the counts of nodes that are gone for long, and those of
// blogs that nobody reads any more.
func (db *DB) ForgetReaders(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	batch := &pgx.Batch{}
	batch.Queue(`
		DELETE FROM node_readers r
		WHERE r.at < clock_timestamp() - interval '1 hour' AND (r.readers = 0 OR NOT EXISTS (
			SELECT FROM nodes n WHERE n.id = r.node_id AND n.at > clock_timestamp() - interval '1 hour'))`)
	batch.Queue(`DELETE FROM nodes WHERE at < clock_timestamp() - interval '1 hour'`)
	return readErr(db.pool.SendBatch(ctx, batch).Close(), "readers")
}

// readersNow sums the readers of blogs over the nodes that live. Nodes of
// versions before this one date their rows and are in no other table.
const readersNow = `
	SELECT r.blog_id, NULL::uuid, sum(r.readers)::bigint
	FROM node_readers r LEFT JOIN nodes n ON n.id = r.node_id
	WHERE greatest(r.at, n.at) > now() - $2::interval AND r.blog_id `

// Counts reads the views of all posts, and the readers of all nodes, of one blog.
func (db *DB) Counts(ctx context.Context, blogID uuid.UUID) (liveblog.Counts, error) {
	counts, _, err := db.counts(ctx, `
		SELECT blog_id, post_id, views FROM post_views WHERE blog_id = $1
		UNION ALL`+readersNow+`= $1 GROUP BY r.blog_id`, blogID, readerLife)
	c := counts[blogID]
	if c.Posts == nil {
		c.Posts = map[uuid.UUID]int64{}
	}
	return c, err
}

// ChangedCounts reads what changed, on whatever node, since the last look: the
// views of posts, and the sums of readers of all blogs in which anything changed
// and of those that are new to the caller. now is what the next look begins with;
// without a time to begin with, it looks a few seconds back. Absolute numbers may
// be told twice.
func (db *DB) ChangedCounts(ctx context.Context, blogs, fresh []uuid.UUID, since time.Time) (counts map[uuid.UUID]liveblog.Counts, now time.Time, err error) {
	from := pgtype.Timestamptz{Time: since, Valid: !since.IsZero()}
	return db.counts(ctx, changedCounts, blogs, readerLife, fresh, from)
}

// changedCounts looks back further than the last look began, by the longest that
// a flush may take: its rows bear the time at which they were written, and are
// seen later. Blogs with readers on a node that was lost since have changed too.
const changedCounts = `
	WITH look AS MATERIALIZED (SELECT least(coalesce($4, now()), now()) - interval '2.5 seconds' AS since),
	posts AS MATERIALIZED (
		SELECT blog_id, post_id, views FROM post_views
		WHERE updated_at > (SELECT since FROM look) AND blog_id = ANY ($1::uuid[])
	), touched AS MATERIALIZED (
		SELECT blog_id FROM posts
		UNION
		SELECT unnest($3::uuid[])
		UNION
		SELECT r.blog_id FROM look, node_readers r LEFT JOIN nodes n ON n.id = r.node_id
		WHERE r.blog_id = ANY ($1::uuid[]) AND (r.at > look.since
			OR greatest(r.at, n.at) > look.since - $2::interval AND greatest(r.at, n.at) <= now() - $2::interval)
	), sums AS (` + readersNow + `IN (SELECT blog_id FROM touched) GROUP BY r.blog_id
	)
	SELECT blog_id, post_id, views FROM posts
	UNION ALL
	SELECT t.blog_id, NULL::uuid, coalesce(s.sum, 0) FROM touched t LEFT JOIN sums s USING (blog_id)`

// counts runs a query of counts in a transaction of its own, and tells when that began.
func (db *DB) counts(ctx context.Context, sql string, args ...any) (counts map[uuid.UUID]liveblog.Counts, now time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	counts = map[uuid.UUID]liveblog.Counts{}
	batch := &pgx.Batch{}
	batch.Queue(`SELECT now()`).QueryRow(func(row pgx.Row) error { return row.Scan(&now) })
	batch.Queue(sql, args...).Query(func(rows pgx.Rows) error {
		var blogID uuid.UUID
		var postID *uuid.UUID
		var n int64
		_, err := pgx.ForEachRow(rows, []any{&blogID, &postID, &n}, func() error {
			addCount(counts, blogID, postID, n)
			return nil
		})
		return err
	})
	return counts, now, readErr(db.logPool.SendBatch(ctx, batch).Close(), "counts")
}

// addCount takes over one row of counts: of a post, or without one of the readers.
func addCount(counts map[uuid.UUID]liveblog.Counts, blogID uuid.UUID, postID *uuid.UUID, n int64) {
	c, known := counts[blogID]
	if !known {
		c.Posts = map[uuid.UUID]int64{}
	}
	if postID == nil {
		c.Readers = n
	} else {
		c.Posts[*postID] = n
	}
	counts[blogID] = c
}
