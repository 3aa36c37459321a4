//go:build unix

package run

import (
	"context"
	"fmt"
	"hash/fnv"
	"strconv"

	"github.com/jackc/pgx/v5"

	"dateline/internal/proof/chaos/history"
)

// keepPruned is a table beside the log that keeps what pruning takes away: the
// checker compares with the whole log.
const keepPruned = `
	CREATE TABLE chaos_pruned (LIKE events);
	CREATE FUNCTION chaos_keep() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
	BEGIN INSERT INTO chaos_pruned VALUES (OLD.*); RETURN NULL; END $$;
	CREATE TRIGGER chaos_keep AFTER DELETE ON events FOR EACH ROW EXECUTE FUNCTION chaos_keep()`

// dump reads what the database holds in the end, in one snapshot.
func (s *stage) dump(ctx context.Context) (db history.Database, err error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return db, fmt.Errorf("dump: %w", err)
	}
	defer conn.Close(ctx)
	err = pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
		return readDatabase(ctx, tx, &db)
	})
	if err != nil {
		return db, fmt.Errorf("dump: %w", err)
	}
	return db, nil
}

func readDatabase(ctx context.Context, tx pgx.Tx, db *history.Database) (err error) {
	if db.Blogs, err = rowsOf[history.BlogRow](ctx, tx, `
		SELECT slug, epoch, last_seq AS head, low_seq AS low FROM blogs ORDER BY slug`); err != nil {
		return err
	}
	events, err := rowsOf[chainedRow](ctx, tx, `
		SELECT b.slug AS blog, e.seq, e.type, coalesce(e.post_id::text, '') AS post, e.version,
			(extract(epoch FROM e.at) * 1000000)::bigint * 1000 AS at,
			encode(e.chain, 'hex') AS link
		FROM (SELECT * FROM events UNION ALL SELECT * FROM chaos_pruned) e JOIN blogs b ON b.id = e.blog_id
		ORDER BY b.slug, e.seq`)
	if err != nil {
		return err
	}
	for _, e := range events {
		row, err := e.row()
		if err != nil {
			return err
		}
		db.Events = append(db.Events, row)
	}
	if db.Posts, err = rowsOf[history.PostRow](ctx, tx, `
		SELECT b.slug AS blog, p.id::text AS id, p.version, p.status, p.title, coalesce(v.views, 0) AS views
		FROM posts p JOIN blogs b ON b.id = p.blog_id LEFT JOIN post_views v ON v.post_id = p.id`); err != nil {
		return err
	}
	if db.Revisions, err = revisions(ctx, tx); err != nil {
		return err
	}
	db.Keys, err = rowsOf[history.KeyRow](ctx, tx, `
		SELECT key, result->'Post'->>'ID' AS post FROM idempotency_keys WHERE result ? 'Post'`)
	return err
}

// chainedRow is an event as it is read.
type chainedRow struct {
	Blog    string
	Seq     int64
	Type    string
	Post    string
	Version int64
	At      int64
	Link    string
}

func (r chainedRow) row() (history.EventRow, error) {
	chain, err := strconv.ParseUint(r.Link, 16, 64)
	return history.EventRow{Blog: r.Blog, Seq: r.Seq, Type: r.Type, Post: r.Post, Version: r.Version, At: r.At, Chain: chain}, err
}

// revisions keeps no more of a text than readers log of it.
func revisions(ctx context.Context, tx pgx.Tx) (all []history.RevisionRow, err error) {
	rows, err := tx.Query(ctx, `SELECT post_id::text, version, title, html FROM revisions`)
	if err != nil {
		return nil, err
	}
	var row history.RevisionRow
	var html []byte
	_, err = pgx.ForEachRow(rows, []any{&row.Post, &row.Version, &row.Title, &html}, func() error {
		sum := fnv.New64a()
		sum.Write(html)
		row.Hash = sum.Sum64()
		all = append(all, row)
		return nil
	})
	return all, err
}

func rowsOf[T any](ctx context.Context, tx pgx.Tx, query string) ([]T, error) {
	rows, err := tx.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[T])
}
