package postgres

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"dateline/internal/liveblog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Numbers of connections, and how long idle ones live.
const (
	defaultConns   = 16
	anonymousConns = 4
	readConns      = 3
	authConns      = 3
	eventConns     = 4

	// freshFor is how long an idle connection counts as alive without a ping. It is
	// short, so that after a restart of PostgreSQL the pool, not a request, finds
	// the dead connections.
	freshFor = 20 * time.Millisecond
	// idleFor is how long an unused connection stays open, give or take
	// pruneInterval: a short burst must not occupy connections of PostgreSQL for long.
	idleFor       = time.Minute
	pruneInterval = 15 * time.Second
)

// newPool prepares a pool of at most conns connections to a primary of the known
// cluster. Each has limits of time, so that no statement blocks others for long.
func (db *core) newPool(ctx context.Context, name string, conns int32) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(db.dsn)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	prepare(config.ConnConfig, name, db.synchronous)
	config.ConnConfig.ValidateConnect = db.acceptKnown
	params := config.ConnConfig.RuntimeParams
	params["statement_timeout"] = "5000" // ms, as the others
	params["lock_timeout"] = "3000"
	params["idle_in_transaction_session_timeout"] = "10000"
	config.MaxConns = conns
	config.PingTimeout = answerTimeout
	config.ShouldPing = func(_ context.Context, p pgxpool.ShouldPingParams) bool { return p.IdleDuration > freshFor }
	config.MaxConnLifetimeJitter = time.Minute
	config.MaxConnIdleTime = idleFor
	config.HealthCheckPeriod = pruneInterval
	return pgxpool.NewWithConfig(ctx, config)
}

func (db *core) pools() []*pgxpool.Pool {
	return []*pgxpool.Pool{db.writePool, db.anonymousPool, db.readPool.Pool, db.authPool.Pool, db.eventPool.Pool}
}

// Pool returns the pool for reads. It is for tests.
func (db *core) Pool() *pgxpool.Pool { return db.readPool.Pool }

// Connections returns how many connections the pools have open and in use.
func (db *core) Connections() (open, busy int32) {
	for _, pool := range db.pools() {
		open, busy = open+pool.Stat().TotalConns(), busy+pool.Stat().AcquiredConns()
	}
	return open, busy
}

// Statements returns how many statements were sent outside of transactions: those
// that read, and those on the pool of the event log.
func (db *core) Statements() (reads, log int64) {
	return db.readPool.statements.Load() + db.authPool.statements.Load(), db.eventPool.statements.Load()
}

// countingPool is a pool that counts the statements it sends. It does not count
// those of transactions, which run on an acquired connection. Statements of
// anonymous requests run on the pool for those, if there is one.
type countingPool struct {
	*pgxpool.Pool
	anonymous  *pgxpool.Pool
	statements atomic.Int64
}

// of returns the pool for the work of ctx.
func (c *countingPool) of(ctx context.Context) *pgxpool.Pool {
	if c.anonymous != nil && liveblog.Anonymous(ctx) {
		return c.anonymous
	}
	return c.Pool
}

// Exec is pgxpool.Pool.Exec, counted.
func (c *countingPool) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	c.statements.Add(1)
	return c.of(ctx).Exec(ctx, sql, args...)
}

// Query is pgxpool.Pool.Query, counted.
func (c *countingPool) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	c.statements.Add(1)
	return c.of(ctx).Query(ctx, sql, args...)
}

// QueryRow is pgxpool.Pool.QueryRow, counted.
func (c *countingPool) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	c.statements.Add(1)
	return c.of(ctx).QueryRow(ctx, sql, args...)
}

// SendBatch is pgxpool.Pool.SendBatch; each statement of the batch counts.
func (c *countingPool) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	c.statements.Add(int64(b.Len()))
	return c.of(ctx).SendBatch(ctx, b)
}

// acquire takes a connection out of a pool. It waits acquireTimeout at most, so
// that a request gets ErrUnavailable from a busy pool and does not hang.
func acquire(ctx context.Context, pool *pgxpool.Pool) (*pgxpool.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, acquireTimeout)
	defer cancel()
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: no connection: %w", liveblog.ErrUnavailable, err)
	}
	return conn, nil
}
