package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dateline/internal/pgtest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// late is the address of a PostgreSQL that hangs up on its first callers, as one
// does that is starting.
type late struct {
	dsn     string
	callers atomic.Int64
}

// newLate refuses so many connections and relays those after them.
func newLate(t *testing.T, refused int64) *late {
	t.Helper()
	real, err := pgx.ParseConfig(pgtest.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	u := url.URL{Scheme: "postgres", User: url.UserPassword(real.User, real.Password), Host: l.Addr().String(), Path: real.Database, RawQuery: "sslmode=disable"}
	s := &late{dsn: u.String()}
	go func() { // ends with the listener
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if s.callers.Add(1) <= refused {
				_ = conn.Close()
				continue
			}
			go relay(conn, real)
		}
	}()
	return s
}

// relay ends with either of the two.
func relay(client net.Conn, real *pgx.ConnConfig) {
	defer client.Close()
	network, address := pgconn.NetworkAddress(real.Host, real.Port)
	server, err := net.Dial(network, address)
	if err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	_, _ = io.Copy(client, server)
}

func TestServe_WaitsForItsDatabase(t *testing.T) {
	t.Parallel()
	s := newLate(t, 3)
	node := startProcess(t, s.dsn)
	if log := node.log.String(); s.callers.Load() <= 3 || !strings.Contains(log, "waiting for PostgreSQL") || !strings.Contains(log, "at_most") {
		t.Errorf("after %d callers, the log has\n%s", s.callers.Load(), log)
	}
}

func TestAwaitDatabase_GivesUp(t *testing.T) {
	t.Parallel()
	s := newLate(t, 1<<40)
	err := awaitDatabase(t.Context(), &Config{DatabaseURL: s.dsn, DatabaseWait: 400 * time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), "--database-wait") || s.callers.Load() < 2 {
		t.Errorf("%d tries, then %v", s.callers.Load(), err)
	}
}

func TestAwaitDatabase_EndsWhenToldTo(t *testing.T) {
	t.Parallel()
	s := newLate(t, 1<<40)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	err := awaitDatabase(ctx, &Config{DatabaseURL: s.dsn, DatabaseWait: time.Hour})
	if took := time.Since(began); err == nil || took > 10*time.Second {
		t.Errorf("after %v: %v", took, err)
	}
}

func TestPasses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  error
		want bool
	}{
		{&pgconn.PgError{Code: notYetAccepting}, true},
		{&pgconn.PgError{Code: tooManyClients}, true},
		{&pgconn.PgError{Code: wrongPassword}, false},
		{&pgconn.PgError{Code: noSuchDatabase}, false},
		{&net.OpError{Op: "dial", Err: errors.New("refused")}, true},
		{&net.DNSError{Name: "postgres", IsNotFound: true}, true}, // compose knows a name once its container runs
		{io.ErrUnexpectedEOF, true},
		{context.DeadlineExceeded, true},
		{errors.New("server refused TLS connection"), false},
	} {
		if got := isTransient(test.err); got != test.want {
			t.Errorf("%v: %v", test.err, got)
		}
	}
}
