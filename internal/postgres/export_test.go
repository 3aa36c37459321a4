package postgres

import (
	"context"
	"testing"

	"dateline/internal/liveblog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// PretendTimeline makes a store remember a server of this timeline.
func PretendTimeline(t testing.TB, db *DB, timeline string) {
	t.Helper()
	conn, err := db.connect(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	defer closeConn(conn)
	is, err := serverIdentity(context.Background(), conn.PgConn())
	if err != nil {
		t.Fatal(err)
	}
	is.Timeline = timeline
	db.guard.adopt(is)
}

// Trace makes the pools for reads and for the log tell a tracer what they send.
func Trace(t testing.TB, db *DB, tracer pgx.QueryTracer) {
	t.Helper()
	for _, pool := range []*countingPool{&db.readPool, &db.authPool, &db.eventPool} {
		config := pool.Config()
		config.ConnConfig.Tracer = tracer
		traced, err := pgxpool.NewWithConfig(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		pool.Close()
		pool.Pool = traced
	}
}

// FindOutdated reads the posts and summaries to render anew for a version of the renderer.
func FindOutdated(ctx context.Context, db *DB, version int) error {
	db.renderVersion = version
	for _, kind := range []renderedKind{db.postRendering(liveblog.Actor{}), db.summaryRendering(liveblog.Actor{})} {
		if _, err := db.findOutdated(ctx, kind); err != nil {
			return err
		}
	}
	return nil
}

// ReadPools are the pools for reads.
func ReadPools(db *DB) []*pgxpool.Pool {
	return []*pgxpool.Pool{db.anonymousPool, db.readPool.Pool, db.authPool.Pool}
}
