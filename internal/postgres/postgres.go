package postgres

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Config says which database to use and how many connections.
type Config struct {
	DSN string
	// Synchronous says that a standby confirms every commit, so that a fail-over
	// loses nothing.
	Synchronous bool
	MaxConns    int32 // of the pool for editors and API clients; 0 is 16
}

// Timeouts. They make an API client hear of trouble within 5 s.
const (
	connectTimeout = 2 * time.Second
	acquireTimeout = 2 * time.Second
	txTimeout      = 4500 * time.Millisecond
	readTimeout    = 3 * time.Second
	whoTimeout     = 1500 * time.Millisecond // to find whose cookie it is: a reader's request goes on without

	defaultConns = 16
	logConns     = 4
)

// DB is the store. Editors and API clients share one pool; the stream has a
// small one of its own, so that neither can starve the other.
type DB struct {
	pool        *pgxpool.Pool
	logPool     *pgxpool.Pool
	dsn         string
	synchronous bool
	onWrite     atomic.Pointer[func(blogID uuid.UUID, seq int64)]
}

// Open prepares the pools. It connects lazily: a database that is away now does
// not stop the program, only a DSN that can't be understood does.
func Open(ctx context.Context, c Config) (*DB, error) {
	if c.MaxConns == 0 {
		c.MaxConns = defaultConns
	}
	pool, err := newPool(ctx, c.DSN, "dateline", c.MaxConns)
	if err != nil {
		return nil, err
	}
	logPool, err := newPool(ctx, c.DSN, "dateline log", logConns)
	if err != nil {
		pool.Close()
		return nil, err
	}
	return &DB{pool: pool, logPool: logPool, dsn: c.DSN, synchronous: c.Synchronous}, nil
}

// Close ends all connections of the pools.
func (db *DB) Close() {
	db.pool.Close()
	db.logPool.Close()
}

// Pool gives the pool for editors and API clients to tests and to doctor.
func (db *DB) Pool() *pgxpool.Pool { return db.pool }

// OnWrite sets what to call after a commit that appended events.
func (db *DB) OnWrite(f func(blogID uuid.UUID, seq int64)) { db.onWrite.Store(&f) }

// wrote tells of a committed event.
func (db *DB) wrote(blogID uuid.UUID, seq int64) {
	if f := db.onWrite.Load(); f != nil && seq > 0 {
		(*f)(blogID, seq)
	}
}

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	return readErr(db.pool.Ping(ctx), "ping")
}

func newPool(ctx context.Context, dsn, name string, conns int32) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	prepare(config.ConnConfig, name)
	params := config.ConnConfig.RuntimeParams
	params["statement_timeout"] = "5000"
	params["lock_timeout"] = "3000"
	params["idle_in_transaction_session_timeout"] = "10000"
	config.MaxConns = conns
	config.MaxConnLifetimeJitter = time.Minute
	return pgxpool.NewWithConfig(ctx, config)
}

// prepare sets what every connection of the program has: a short dial, an early
// notice of dead peers, a server that takes writes, and a note when a commit was
// not replicated.
func prepare(c *pgx.ConnConfig, name string) {
	c.ConnectTimeout = connectTimeout
	c.RuntimeParams["application_name"] = name
	c.DialFunc = (&net.Dialer{
		Timeout:         connectTimeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3},
		Control:         setUserTimeout,
	}).DialContext
	if c.ValidateConnect == nil {
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	c.OnNotice = noteUnreplicated
}
