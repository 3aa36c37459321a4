package postgres

import (
	"context"
	"sync/atomic"

	"dateline/internal/liveblog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// counted is a pool that counts the statements it sends. Those of transactions,
// which go over a connection that was taken out, are not among them. Reads of
// anonymous requests go over connections of their own, if the pool has such.
type counted struct {
	*pgxpool.Pool
	anonymous  *pgxpool.Pool
	statements atomic.Int64
}

// of is the pool for the work of ctx.
func (c *counted) of(ctx context.Context) *pgxpool.Pool {
	if c.anonymous != nil && liveblog.Anonymous(ctx) {
		return c.anonymous
	}
	return c.Pool
}

// Statements tells how many statements were sent outside of transactions: those
// that read, and those of the log, which are the stream's and the bells.
func (db *DB) Statements() (reads, log int64) {
	return db.pool.statements.Load() + db.who.statements.Load(), db.logPool.statements.Load()
}

// Exec counts and sends one.
func (c *counted) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	c.statements.Add(1)
	return c.of(ctx).Exec(ctx, sql, args...)
}

// Query counts and sends one.
func (c *counted) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	c.statements.Add(1)
	return c.of(ctx).Query(ctx, sql, args...)
}

// QueryRow counts and sends one.
func (c *counted) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	c.statements.Add(1)
	return c.of(ctx).QueryRow(ctx, sql, args...)
}

// SendBatch counts and sends several.
func (c *counted) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	c.statements.Add(int64(b.Len()))
	return c.of(ctx).SendBatch(ctx, b)
}
