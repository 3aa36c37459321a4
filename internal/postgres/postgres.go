package postgres

import (
	"context"
	"fmt"
	"maps"
	"net"
	"strings"
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
	MaxConns    int32 // of the pool for changes; 0 is 16
}

// Timeouts. They make an API client hear of trouble within 5 s.
const (
	connectTimeout = 2 * time.Second
	acquireTimeout = 2 * time.Second
	txTimeout      = 4 * time.Second
	readTimeout    = 3 * time.Second
	whoTimeout     = 1500 * time.Millisecond // to find whose cookie it is: a reader's request goes on without

	// freshFor is how long an idle connection is believed to be alive: after a
	// restart of PostgreSQL, no request should be the one that finds out.
	freshFor = 20 * time.Millisecond
	// idleFor is how long a connection that nobody needs stays, give or take
	// pruneInterval: a busy minute must not hold PostgreSQL's connections for long.
	idleFor       = time.Minute
	pruneInterval = 15 * time.Second

	defaultConns   = 16
	anonymousConns = 4
	readConns      = 3
	whoConns       = 3
	logConns       = 4
)

// DB is the store. Changes, reads of anonymous requests, other reads, the question who
// somebody is and the stream have a pool each, so that none can starve the
// others: publishers who queue for one blog's row hold all the connections of
// theirs, and anonymous clients that ask for what is not cached hold all of theirs.
type DB struct {
	writePool     *pgxpool.Pool
	anonymousPool *pgxpool.Pool // reads of anonymous requests
	pool          counted       // reads
	who           counted       // sessions, tokens, roles
	logPool       counted       // the stream's
	dsn           string
	synchronous   bool
	fence         fence
	settled       *settlement
	onWrite       atomic.Pointer[func(blogID uuid.UUID, seq int64)]
}

// Open prepares the pools. It connects lazily: a database that is away now does
// not stop the program, only a DSN that can't be understood does.
func Open(ctx context.Context, c Config) (*DB, error) {
	if c.MaxConns == 0 {
		c.MaxConns = defaultConns
	}
	db := &DB{dsn: c.DSN, synchronous: c.Synchronous, settled: newSettlement()}
	for _, p := range []struct {
		pool  **pgxpool.Pool
		name  string
		conns int32
	}{
		{&db.writePool, "dateline", c.MaxConns}, {&db.anonymousPool, "dateline anonymous", anonymousConns}, {&db.pool.Pool, "dateline reads", readConns},
		{&db.who.Pool, "dateline who", whoConns}, {&db.logPool.Pool, "dateline log", logConns},
	} {
		var err error
		if *p.pool, err = db.newPool(ctx, p.name, p.conns); err != nil {
			db.Close()
			return nil, err
		}
	}
	db.pool.anonymous, db.who.anonymous, db.logPool.anonymous = db.anonymousPool, db.anonymousPool, db.anonymousPool
	return db, nil
}

// Close ends all connections of the pools.
func (db *DB) Close() {
	for _, pool := range db.pools() {
		if pool != nil {
			pool.Close()
		}
	}
}

func (db *DB) pools() []*pgxpool.Pool {
	return []*pgxpool.Pool{db.writePool, db.anonymousPool, db.pool.Pool, db.who.Pool, db.logPool.Pool}
}

// Pool gives the pool of reads, to tests.
func (db *DB) Pool() *pgxpool.Pool { return db.pool.Pool }

// Connections tells how many connections the pools have open and in use.
func (db *DB) Connections() (open, busy int32) {
	for _, pool := range db.pools() {
		open, busy = open+pool.Stat().TotalConns(), busy+pool.Stat().AcquiredConns()
	}
	return open, busy
}

// OnWrite sets what to call after a commit that appended events.
func (db *DB) OnWrite(f func(blogID uuid.UUID, seq int64)) { db.onWrite.Store(&f) }

// wrote tells of a committed event.
func (db *DB) wrote(blogID uuid.UUID, seq int64) {
	if db.synchronous {
		db.settled.raise(blogID, seq)
	}
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

func (db *DB) newPool(ctx context.Context, name string, conns int32) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(db.dsn)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	prepare(config.ConnConfig, name, db.synchronous)
	config.ConnConfig.ValidateConnect = db.admitKnown
	params := config.ConnConfig.RuntimeParams
	params["statement_timeout"] = "5000"
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

// connect opens a connection outside of the pools, to the newest primary.
func (db *DB) connect(ctx context.Context, name string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(db.dsn)
	if err != nil {
		return nil, err
	}
	prepare(config, name, db.synchronous)
	config.ValidateConnect = db.admitNewer
	ctx, cancel := context.WithTimeout(ctx, 2*connectTimeout)
	defer cancel()
	return pgx.ConnectConfig(ctx, config)
}

// prepare sets what every connection of the program has: a short dial, an early
// notice of dead peers, a server that takes writes, the settings that statements
// rely on, commits that last, and a note when one was not replicated.
func prepare(c *pgx.ConnConfig, name string, synchronous bool) {
	c.ConnectTimeout = connectTimeout
	for parameter := range c.RuntimeParams {
		if _, ours := sessionParameters[strings.ToLower(parameter)]; ours {
			delete(c.RuntimeParams, parameter) // written otherwise in the URL, it would be sent beside ours
		}
	}
	maps.Copy(c.RuntimeParams, sessionParameters)
	c.AfterConnect = durable(weakAlone)
	if synchronous {
		c.AfterConnect = durable(weakReplayed)
	}
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
