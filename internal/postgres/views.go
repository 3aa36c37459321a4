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

// Timeouts of a flush. A statement that PostgreSQL cancels has certainly changed nothing
// and can be tried again; flushTimeout is for a server that does not answer.
const (
	flushLockTimeout      = "1000" // ms
	flushStatementTimeout = "2000" // ms
	flushTimeout          = 3 * time.Second
)

// readerLife is how long after its last report a node counts as alive, and its readers
// count.
const readerLife = 5 * time.Second

// AddViews adds counts to the views of posts, by blog and post, and reports the numbers
// of readers that the node serves now, for the blogs in which the number has changed
// since its last report. It is one statement, whatever the number of blogs. It takes
// no locks on blogs, for which publishers queue, nor on posts. The commit does not wait
// for the disk: a crash of PostgreSQL may lose the counts of the last moments. It skips
// ids that are not published posts of their blog.
//
// It goes on when ctx is cancelled, so that a node that stops does not lose counts, and
// ends by the deadline of ctx. known is false if PostgreSQL has lost the earlier
// reports of the node: then the node must report all its readers again.
func (db *ViewStore) AddViews(ctx context.Context, nodeID uuid.UUID, views map[uuid.UUID]map[uuid.UUID]int64, readers map[uuid.UUID]int64) (known bool, err error) {
	ctx, cancel := uncancelled(ctx, flushTimeout)
	defer cancel()
	batch := &pgx.Batch{}
	batch.Queue(`
		SELECT set_config('synchronous_commit', 'off', true), set_config('lock_timeout', $1, true),
		       set_config('statement_timeout', $2, true)`, flushLockTimeout, flushStatementTimeout)
	v, r := viewColumns(views), readerColumns(readers)
	batch.Queue(addViews, nodeID, v.blogs, v.posts, v.numbers, r.blogs, r.numbers, readerLife).QueryRow(func(row pgx.Row) error {
		return row.Scan(&known)
	})
	conn, err := acquire(ctx, db.eventPool.Pool)
	if err != nil {
		return false, err
	}
	defer conn.Release()
	db.eventPool.statements.Add(int64(batch.Len()))
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

// uncancelled returns a context that ignores the cancellation of ctx and ends after
// limit, or by the deadline of ctx.
func uncancelled(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	ends := time.Now().Add(limit)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(ends) {
		ends = deadline
	}
	return context.WithDeadline(context.WithoutCancel(ctx), ends)
}

// flushError returns ErrUnknownOutcome for a failure that leaves open whether the counts
// were added. The commit waits for nothing, so errors that PostgreSQL reports are
// certain.
func flushError(err error) error {
	if err == nil || state(err) != "" || pgconn.SafeToRetry(err) {
		return dbError(err)
	}
	return fmt.Errorf("%w: views: %w", liveblog.ErrUnknownOutcome, err)
}

// flushColumns are rows as columns, the parameters of a flush.
type flushColumns struct {
	blogs, posts []uuid.UUID
	numbers      []int64
}

func viewColumns(views map[uuid.UUID]map[uuid.UUID]int64) (c flushColumns) {
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

// ForgetReaders deletes the counts of nodes that ended an hour ago, and counts of 0 that
// are an hour old.
func (db *ViewStore) ForgetReaders(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	batch := &pgx.Batch{}
	batch.Queue(`
		DELETE FROM node_readers r
		WHERE r.at < clock_timestamp() - interval '1 hour' AND (r.readers = 0 OR NOT EXISTS (
			SELECT FROM nodes n WHERE n.id = r.node_id AND n.at > clock_timestamp() - interval '1 hour'))`)
	batch.Queue(`DELETE FROM nodes WHERE at < clock_timestamp() - interval '1 hour'`)
	return readErr(db.readPool.SendBatch(ctx, batch).Close(), "counts of readers")
}

// readersNow sums the readers of blogs over the nodes that are alive. Nodes of older
// versions have no row in nodes; they renew the time of their rows here.
const readersNow = `
	SELECT r.blog_id, NULL::uuid, sum(r.readers)::bigint
	FROM node_readers r LEFT JOIN nodes n ON n.id = r.node_id
	WHERE greatest(r.at, n.at) > now() - $2::interval AND r.blog_id `

// Counts returns the views of all posts of a blog, and its readers on all nodes.
func (db *ViewStore) Counts(ctx context.Context, blogID uuid.UUID) (liveblog.Counts, error) {
	counts, _, err := db.counts(ctx, `
		SELECT blog_id, post_id, views FROM post_views WHERE blog_id = $1
		UNION ALL`+readersNow+`= $1 GROUP BY r.blog_id`, blogID, readerLife)
	c := counts[blogID]
	if c.Posts == nil {
		c.Posts = map[uuid.UUID]int64{}
	}
	return c, err
}

// ChangedCounts returns the counts of these blogs that changed on any node since a time:
// the views of posts, and the readers of each blog in which anything changed and of
// the fresh ones. The caller passes now as since of its next call; the zero time means
// a few seconds ago. Counts are absolute, and the same one may be returned twice.
func (db *ViewStore) ChangedCounts(ctx context.Context, blogs, fresh []uuid.UUID, since time.Time) (counts map[uuid.UUID]liveblog.Counts, now time.Time, err error) {
	from := pgtype.Timestamptz{Time: since, Valid: !since.IsZero()}
	return db.counts(ctx, changedCounts, blogs, readerLife, fresh, from)
}

// changedCounts goes further back than since, by the longest time of a flush: its rows
// have the time at which they were written and become visible later. Blogs with
// readers on a node that has ended since have changed too.
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

// counts runs a query of counts in a transaction of its own. now is when that began.
func (db *ViewStore) counts(ctx context.Context, sql string, args ...any) (counts map[uuid.UUID]liveblog.Counts, now time.Time, err error) {
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
	return counts, now, readErr(db.eventPool.SendBatch(ctx, batch).Close(), "counts")
}

// addCount adds a row: the views of a post or, without a post, the readers of a blog.
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
