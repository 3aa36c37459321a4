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

// Config says which database the store uses, and how.
type Config struct {
	DSN string // connection string, as libpq reads it: a URL, or key=value pairs
	// Synchronous says that a synchronous standby confirms every commit, so that a
	// fail-over loses nothing that was acknowledged.
	Synchronous bool
	MaxConns    int32 // of the pool for changes; 0 means 16
	// RenderVersion is the version of the renderer whose HTML callers store; 0
	// means 1. RenderAnew replaces the HTML of older versions.
	RenderVersion int
}

// Timeouts. Together they bound every answer to an API client to 5 s.
const (
	connectTimeout = 2 * time.Second
	acquireTimeout = 2 * time.Second // to wait for a free connection of a pool
	txTimeout      = 4 * time.Second // of a transaction, with all its attempts
	readTimeout    = 3 * time.Second
	// authTimeout bounds the look-up of a session: afterwards the request of a
	// reader goes on without it.
	authTimeout = 1500 * time.Millisecond
)

// DB is the store. Its parts share one core, and each has one job.
type DB struct {
	*core
	*BlogStore
	*EventStore
	*AccountStore
	*MediaStore
	*ViewStore
	*UpkeepStore
}

// BlogStore changes blogs and posts, which appends to the log, and reads them.
type BlogStore struct{ *core }

// EventStore reads the log, its heads, and the pages that streams continue.
type EventStore struct{ *core }

// AccountStore has users, sessions, API tokens, members, setup and sign-in attempts.
type AccountStore struct{ *core }

// MediaStore has pictures and their files.
type MediaStore struct{ *core }

// ViewStore counts views and readers.
type ViewStore struct{ *core }

// UpkeepStore deletes what is too old, and renders texts anew.
type UpkeepStore struct {
	*core
	blogs *BlogStore // changes what was rendered anew
}

// core is what all parts of the store share. Five pools of connections keep kinds of work apart, so that none
// can starve another: publishers who wait for the row of one blog occupy all
// connections for changes, and anonymous clients that ask for uncached pages
// occupy all connections for anonymous reads.
type core struct {
	writePool     *pgxpool.Pool // changes
	anonymousPool *pgxpool.Pool // reads of anonymous requests
	readPool      countingPool  // other reads
	authPool      countingPool  // look-ups of sessions, tokens and roles
	eventPool     countingPool  // the event log, heads, notifications and views
	dsn           string
	synchronous   bool
	renderVersion int
	guard         clusterGuard
	replication   *replicationTracker
	barrier       *coalescer // of confirmation barriers, see awaitBarrier
	onWrite       atomic.Pointer[func(blogID uuid.UUID, seq int64)]
}

// Open prepares the pools. They connect when they are first used, so a database
// that is unreachable now is no error. A DSN that cannot be parsed is one.
func Open(ctx context.Context, c Config) (*DB, error) {
	if c.MaxConns == 0 {
		c.MaxConns = defaultConns
	}
	core := &core{
		dsn: c.DSN, synchronous: c.Synchronous, renderVersion: max(c.RenderVersion, 1),
		replication: newReplicationTracker(),
	}
	blogs := &BlogStore{core}
	db := &DB{
		core: core, BlogStore: blogs, EventStore: &EventStore{core}, AccountStore: &AccountStore{core},
		MediaStore: &MediaStore{core}, ViewStore: &ViewStore{core}, UpkeepStore: &UpkeepStore{core, blogs},
	}
	db.barrier = newCoalescer(db.commitBarrier)
	for _, p := range []struct {
		pool  **pgxpool.Pool
		name  string
		conns int32
	}{
		{&db.writePool, "dateline", c.MaxConns}, {&db.anonymousPool, "dateline anonymous", anonymousConns}, {&db.readPool.Pool, "dateline reads", readConns},
		{&db.authPool.Pool, "dateline auth", authConns}, {&db.eventPool.Pool, "dateline events", eventConns},
	} {
		var err error
		if *p.pool, err = db.newPool(ctx, p.name, p.conns); err != nil {
			db.Close()
			return nil, err
		}
	}
	db.readPool.anonymous, db.authPool.anonymous, db.eventPool.anonymous = db.anonymousPool, db.anonymousPool, db.anonymousPool
	return db, nil
}

// Close ends all connections of the pools.
func (db *core) Close() {
	for _, pool := range db.pools() {
		if pool != nil {
			pool.Close()
		}
	}
}

// OnWrite sets the function that is called after each commit that appended events,
// with the blog and the number of its last one. It must not block.
func (db *core) OnWrite(f func(blogID uuid.UUID, seq int64)) { db.onWrite.Store(&f) }

// Ping reports whether the database answers within readTimeout.
func (db *core) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	return readErr(db.readPool.Ping(ctx), "ping")
}

// connect opens a connection outside of the pools. It accepts every primary but one
// that another was promoted over.
func (db *core) connect(ctx context.Context, name string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(db.dsn)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	prepare(config, name, db.synchronous)
	config.ValidateConnect = db.acceptNewer
	ctx, cancel := context.WithTimeout(ctx, 2*connectTimeout)
	defer cancel()
	return pgx.ConnectConfig(ctx, config)
}

// prepare sets what all connections of the program have in common: a short timeout
// to connect, early detection of dead peers, a server that accepts writes, the
// session parameters that the statements rely on, durable commits, and the handler
// that notices a commit which was not replicated.
func prepare(c *pgx.ConnConfig, name string, synchronous bool) {
	c.ConnectTimeout = connectTimeout
	for parameter := range c.RuntimeParams {
		if _, ours := sessionParameters[strings.ToLower(parameter)]; ours {
			delete(c.RuntimeParams, parameter) // in another spelling it would be sent beside ours
		}
	}
	maps.Copy(c.RuntimeParams, sessionParameters)
	c.AfterConnect = requireDurable(weakAlone)
	if synchronous {
		c.AfterConnect = requireDurable(weakReplicated)
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

// closeConn ends a connection outside of the pools, within a second.
func closeConn(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx) // nothing uses the connection afterwards, closed or not
}
