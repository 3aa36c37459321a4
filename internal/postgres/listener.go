package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// notifyIdle is how long the listener waits for a notification before it sends
	// a query as a heartbeat. Nothing else would reveal a dead peer.
	notifyIdle     = time.Second
	answerTimeout  = 2 * time.Second // of the heartbeat
	pollInterval   = time.Second
	minBackoff     = 50 * time.Millisecond
	maxBackoff     = time.Second
	selfTestPrefix = "self-test:"
)

// EventSink receives what the listener finds out about logs. It is the hub of the
// node.
type EventSink interface {
	// Wake reports that a blog's log may reach seq now.
	Wake(blogID uuid.UUID, seq int64)
	// Watched returns the blogs that have readers.
	Watched() []uuid.UUID
	// Heads reports where the logs of watched blogs end. A blog that does not exist
	// any more has a head with nothing but its id.
	Heads([]liveblog.Head)
}

// Listener receives notifications of other nodes on a connection of its own, and
// polls the heads of logs once a second: rows are the truth, and a notification only
// makes the node look sooner. On each connection it sends LISTEN first and reads
// the heads afterwards, so that no event can fall between (PostgreSQL manual,
// LISTEN).
type Listener struct {
	db        *DB
	sink      EventSink
	listening atomic.Bool
	polled    atomic.Int64 // time of the last successful poll, in Unix nanoseconds
}

// NewListener returns the listener of a node. Run and Poll make it work.
func NewListener(db *DB, sink EventSink) *Listener {
	return &Listener{db: db, sink: sink}
}

// Healthy reports whether new events of other nodes reach this one, by either way.
func (l *Listener) Healthy() bool {
	return l.listening.Load() || time.Since(time.Unix(0, l.polled.Load())) < 3*pollInterval
}

// Listening reports whether the connection for notifications works.
func (l *Listener) Listening() bool { return l.listening.Load() }

// Run listens until ctx ends. After a failure it connects again, after a random
// pause whose limit grows to maxBackoff.
func (l *Listener) Run(ctx context.Context) {
	backoff := minBackoff
	for ctx.Err() == nil {
		began := time.Now()
		err := l.session(ctx)
		l.listening.Store(false)
		if ctx.Err() != nil {
			return
		}
		slog.WarnContext(ctx, "listener lost its connection", "error", err)
		if time.Since(began) > notifyIdle {
			backoff = minBackoff
		}
		sleep(ctx, rand.N(backoff))
		backoff = min(2*backoff, maxBackoff)
	}
}

// Poll reads the heads of watched blogs once a second until ctx ends. Delivery rests
// on it; notifications make delivery fast.
func (l *Listener) Poll(ctx context.Context) {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := l.look(ctx); err == nil {
				l.polled.Store(time.Now().UnixNano())
			}
		}
	}
}

// look reads the heads of the watched blogs and reports them to the sink.
func (l *Listener) look(ctx context.Context) error {
	watched := l.sink.Watched()
	if len(watched) == 0 {
		ctx, cancel := context.WithTimeout(ctx, readTimeout)
		defer cancel()
		return l.db.eventPool.Ping(ctx)
	}
	heads, err := l.db.Heads(ctx, watched)
	if err != nil {
		return err
	}
	l.sink.Heads(withMissing(heads, watched))
	return nil
}

// withMissing adds an empty head for each watched blog that does not exist any more:
// the database is a backup from before its creation.
func withMissing(heads []liveblog.Head, watched []uuid.UUID) []liveblog.Head {
	if len(heads) == len(watched) {
		return heads
	}
	for _, id := range watched {
		if !slices.ContainsFunc(heads, func(h liveblog.Head) bool { return h.BlogID == id }) {
			heads = append(heads, liveblog.Head{BlogID: id})
		}
	}
	return heads
}

// session opens a connection, prepares it, and follows notifications until it fails.
func (l *Listener) session(ctx context.Context) error {
	conn, err := l.connect(ctx)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	if err := selfTest(ctx, conn); err != nil {
		return err
	}
	if err := l.db.adoptIdentity(ctx, conn); err != nil {
		return err
	}
	if err := l.look(ctx); err != nil {
		return err
	}
	l.listening.Store(true)
	return l.follow(ctx, conn)
}

// connect opens a connection that listens.
func (l *Listener) connect(ctx context.Context) (*pgx.Conn, error) {
	conn, err := l.db.connect(ctx, "dateline listener")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	if _, err := conn.Exec(ctx, `LISTEN `+channel); err != nil {
		closeConn(conn)
		return nil, fmt.Errorf("listen: %w", err)
	}
	return conn, nil
}

// selfTest sends a notification to itself. Behind a pooler in transaction mode
// LISTEN succeeds and no notification ever arrives.
func selfTest(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	token := selfTestPrefix + uuid.NewString()
	if _, err := conn.Exec(ctx, `SELECT pg_notify($1, $2)`, channel, token); err != nil {
		return fmt.Errorf("self-test: %w", err)
	}
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return fmt.Errorf("no notification came back; is a pooler in transaction mode between us and PostgreSQL? %w", err)
		}
		if n.Payload == token {
			return nil
		}
	}
}

// follow handles notifications until the connection fails, or until a pool was
// refused a connection: then session starts again and adopts the new database.
func (l *Listener) follow(ctx context.Context, conn *pgx.Conn) error {
	for {
		n, err := waitNotification(ctx, conn)
		if l.db.guard.mismatch() {
			return errWrongCluster
		}
		switch {
		case err == nil:
			parsePayload(n.Payload, l.notified)
		case ctx.Err() != nil:
			return ctx.Err()
		case !errors.Is(err, context.DeadlineExceeded):
			return err
		default:
			if err := heartbeat(ctx, conn); err != nil {
				return err
			}
		}
	}
}

// notified handles a notification that a blog's log reaches seq. The other node sent
// it after the standby had confirmed its commit.
func (l *Listener) notified(blogID uuid.UUID, seq int64) {
	if l.db.synchronous {
		l.db.replication.confirm(blogID, seq)
	}
	l.sink.Wake(blogID, seq)
}

func waitNotification(ctx context.Context, conn *pgx.Conn) (*pgconn.Notification, error) {
	ctx, cancel := context.WithTimeout(ctx, notifyIdle)
	defer cancel()
	return conn.WaitForNotification(ctx)
}

// heartbeat returns an error unless the server answers within answerTimeout, is
// still a primary, and still listens for this session.
func heartbeat(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	var listening bool
	err := conn.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM pg_listening_channels()) AND NOT pg_is_in_recovery()`).Scan(&listening)
	if err == nil && !listening {
		return errors.New("the server no longer listens for us")
	}
	return err
}
