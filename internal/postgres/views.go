package postgres

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// AddViews adds counts to the views of a blog's posts and says how many
// readers this node serves now. It never touches the blog's row, which the
// publishers queue for, and it does not wait for the disk: a crash of PostgreSQL
// may cost the last moments of counting. Ids that are no published posts of the
// blog are passed over.
func (db *DB) AddViews(ctx context.Context, nodeID, blogID uuid.UUID, counts map[uuid.UUID]int64, readers int64) error {
	ids, numbers := inOrder(counts)
	return db.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SET LOCAL synchronous_commit = off`); err != nil {
			return err
		}
		if err := addCounts(ctx, tx, blogID, ids, numbers); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			INSERT INTO node_readers (node_id, blog_id, readers) VALUES ($1, $2, $3)
			ON CONFLICT (blog_id, node_id) DO UPDATE SET readers = $3, at = clock_timestamp()`,
			nodeID, blogID, readers)
		return err
	})
}

func addCounts(ctx context.Context, tx pgx.Tx, blogID uuid.UUID, ids []uuid.UUID, numbers []int64) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO post_views (post_id, blog_id, views)
		SELECT c.id, $1, c.n
		FROM unnest($2::uuid[], $3::bigint[]) WITH ORDINALITY AS c(id, n, place)
		JOIN posts p ON p.id = c.id AND p.blog_id = $1 AND p.status = 'published'
		ORDER BY c.place
		ON CONFLICT (post_id) DO UPDATE
			SET views = post_views.views + excluded.views, updated_at = clock_timestamp()`,
		blogID, ids, numbers)
	if err != nil {
		return fmt.Errorf("add views: %w", err)
	}
	return nil
}

// inOrder sorts by id, so that two nodes take the rows' locks in one order.
func inOrder(counts map[uuid.UUID]int64) (ids []uuid.UUID, numbers []int64) {
	ids = slices.SortedFunc(maps.Keys(counts), func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	for _, id := range ids {
		numbers = append(numbers, counts[id])
	}
	return ids, numbers
}

// ForgetReaders deletes the counts of nodes that are gone for long.
func (db *DB) ForgetReaders(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	_, err := db.pool.Exec(ctx, `DELETE FROM node_readers WHERE at < clock_timestamp() - interval '1 hour'`)
	return readErr(err, "readers")
}

// readerLife is how old a node's count of readers may be, in seconds, before
// the node counts as gone.
const readerLife = 5

// Counts reads the views of posts that changed in the last seconds and the sum
// of readers over all nodes, per blog. Absolute numbers may be told twice.
func (db *DB) Counts(ctx context.Context, blogIDs []uuid.UUID, recent bool) (map[uuid.UUID]liveblog.Counts, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	out := map[uuid.UUID]liveblog.Counts{}
	for _, id := range blogIDs {
		out[id] = liveblog.Counts{Posts: map[uuid.UUID]int64{}}
	}
	batch := &pgx.Batch{}
	batch.Queue(`
		SELECT blog_id, post_id, views FROM post_views
		WHERE blog_id = ANY ($1) AND (NOT $2 OR updated_at > clock_timestamp() - interval '5 seconds')`,
		blogIDs, recent).Query(func(rows pgx.Rows) error {
		var blogID, postID uuid.UUID
		var n int64
		_, err := pgx.ForEachRow(rows, []any{&blogID, &postID, &n}, func() error {
			out[blogID].Posts[postID] = n
			return nil
		})
		return err
	})
	batch.Queue(`
		SELECT blog_id, sum(readers)::bigint FROM node_readers
		WHERE blog_id = ANY ($1) AND at > clock_timestamp() - make_interval(secs => $2)
		GROUP BY blog_id`, blogIDs, readerLife).Query(func(rows pgx.Rows) error {
		var blogID uuid.UUID
		var n int64
		_, err := pgx.ForEachRow(rows, []any{&blogID, &n}, func() error {
			out[blogID] = liveblog.Counts{Posts: out[blogID].Posts, Readers: n}
			return nil
		})
		return err
	})
	return out, readErr(db.logPool.SendBatch(ctx, batch).Close(), "counts")
}
