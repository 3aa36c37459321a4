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
	// quiet is how long the listener waits for a notification before it asks
	// the server for a sign of life; a dead peer is not noticed otherwise.
	quiet          = time.Second
	answerTimeout  = 2 * time.Second
	pollInterval   = time.Second
	minBackoff     = 50 * time.Millisecond
	maxBackoff     = time.Second
	selfTestPrefix = "self-test:"
)

// Audience is who wants to know of new events: the hub of the node.
type Audience interface {
	// Wake says that a blog's log may go to seq now.
	Wake(blogID uuid.UUID, seq int64)
	// Watched lists the blogs that have readers.
	Watched() []uuid.UUID
	// Heads tells where the logs of watched blogs truly end; the head of one that
	// is not there any more is empty.
	Heads([]liveblog.Head)
}

// Listener hears the bells of other nodes on a connection of its own, and looks
// at the log by itself at least once a second: a notification only makes it look
// sooner. It listens first and reads the heads afterwards, so that no event can
// fall between (PostgreSQL manual, LISTEN).
type Listener struct {
	db        *DB
	audience  Audience
	listening atomic.Bool
	polled    atomic.Int64 // when a poll last succeeded, in Unix nanoseconds
}

// NewListener makes the listener of a node.
func NewListener(db *DB, audience Audience) *Listener {
	return &Listener{db: db, audience: audience}
}

// Healthy reports whether new events of other nodes reach this one.
func (l *Listener) Healthy() bool {
	return l.listening.Load() || time.Since(time.Unix(0, l.polled.Load())) < 3*pollInterval
}

// Listening reports whether the notifications' connection is up.
func (l *Listener) Listening() bool { return l.listening.Load() }

// Run listens until ctx ends, and connects again after any failure, with a pause
// that grows to a second.
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
		if time.Since(began) > quiet {
			backoff = minBackoff
		}
		sleep(ctx, rand.N(backoff))
		backoff = min(2*backoff, maxBackoff)
	}
}

// Poll asks for the heads of watched blogs once a second until ctx ends. It is
// what delivery rests on; the bell makes it fast.
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

// look reads the heads of the watched blogs and hands them over.
func (l *Listener) look(ctx context.Context) error {
	watched := l.audience.Watched()
	if len(watched) == 0 {
		ctx, cancel := context.WithTimeout(ctx, readTimeout)
		defer cancel()
		return l.db.logPool.Ping(ctx)
	}
	heads, err := l.db.Heads(ctx, watched)
	if err != nil {
		return err
	}
	l.audience.Heads(withMissing(heads, watched))
	return nil
}

// withMissing adds an empty head for each blog that is not there any more: the
// database is a backup from before it.
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

// session is the life of one connection.
func (l *Listener) session(ctx context.Context) error {
	conn, err := l.connect(ctx)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	if err := selfTest(ctx, conn); err != nil {
		return err
	}
	if err := l.db.identify(ctx, conn); err != nil {
		return err
	}
	if err := l.look(ctx); err != nil {
		return err
	}
	l.listening.Store(true)
	return l.follow(ctx, conn)
}

func (l *Listener) connect(ctx context.Context) (*pgx.Conn, error) {
	conn, err := l.db.connect(ctx, "dateline listener")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	if _, err := conn.Exec(ctx, `LISTEN `+channel); err != nil {
		closeConn(conn)
		return nil, err
	}
	return conn, nil
}

// selfTest sends a notification to itself. Behind a pooler in transaction mode
// LISTEN succeeds and nothing ever arrives.
func selfTest(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	token := selfTestPrefix + uuid.NewString()
	if _, err := conn.Exec(ctx, `SELECT pg_notify($1, $2)`, channel, token); err != nil {
		return err
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

// follow hands on notifications until the connection fails.
func (l *Listener) follow(ctx context.Context, conn *pgx.Conn) error {
	for {
		n, err := wait(ctx, conn)
		if l.db.fence.estranged() {
			return errStranger
		}
		switch {
		case err == nil:
			parsePayload(n.Payload, l.heard)
		case ctx.Err() != nil:
			return ctx.Err()
		case !errors.Is(err, context.DeadlineExceeded):
			return err
		default:
			if err := alive(ctx, conn); err != nil {
				return err
			}
		}
	}
}

// heard hands on that a blog's log goes to seq. Its publisher rang after its
// commit was confirmed.
func (l *Listener) heard(blogID uuid.UUID, seq int64) {
	if l.db.synchronous {
		l.db.settled.raise(blogID, seq)
	}
	l.audience.Wake(blogID, seq)
}

func wait(ctx context.Context, conn *pgx.Conn) (*pgconn.Notification, error) {
	ctx, cancel := context.WithTimeout(ctx, quiet)
	defer cancel()
	return conn.WaitForNotification(ctx)
}

// alive asks for an answer with a deadline of its own: the one of the wait has passed.
func alive(ctx context.Context, conn *pgx.Conn) error {
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

func closeConn(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx) // the connection is given up either way
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
