package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/postgres"
	"dateline/internal/proof/pgtest"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// relay forwards what a server sends until it is to hold that back, as a
// server does whose disk hangs: connections stay open and nothing comes.
type relay struct {
	network, address string // of the server
	silent           chan struct{}
}

// newRelay returns a relay and the connection string that goes through it.
func newRelay(t *testing.T, dsn string) (*relay, string) {
	t.Helper()
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{silent: make(chan struct{})}
	r.network, r.address = pgconnAddress(config)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go r.accept(l)
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.Host, u.RawQuery = l.Addr().String(), ""
	return r, u.String()
}

func pgconnAddress(c *pgx.ConnConfig) (network, address string) {
	if c.Host[0] == '/' {
		return "unix", c.Host + "/.s.PGSQL." + fmt.Sprint(c.Port)
	}
	return "tcp", net.JoinHostPort(c.Host, fmt.Sprint(c.Port))
}

func (r *relay) accept(l net.Listener) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial(r.network, r.address)
		if err != nil {
			client.Close()
			return
		}
		go func() { _, _ = io.Copy(server, client); server.Close() }()
		go r.answer(client, server)
	}
}

// answer ends with the client's or the server's connection.
func (r *relay) answer(client io.WriteCloser, server io.Reader) {
	chunk := make([]byte, 4096)
	for {
		n, err := server.Read(chunk)
		select {
		case <-r.silent:
			n = 0
		default:
		}
		if _, failed := client.Write(chunk[:n]); failed != nil || err != nil {
			client.Close()
			return
		}
	}
}

// TestReads_EndWhenTheServerHangs asks what requests ask for before anything
// else, on connections that were good a moment ago.
func TestReads_EndWhenTheServerHangs(t *testing.T) {
	t.Parallel()
	r, dsn := newRelay(t, pgtest.DSN(t))
	db, err := postgres.Open(t.Context(), postgres.Config{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	id := uuid.New()
	reads := map[string]func(context.Context) error{
		"token":       func(ctx context.Context) error { _, err := db.Token(ctx, "x"); return err },
		"tokens":      func(ctx context.Context) error { _, err := db.Tokens(ctx); return err },
		"touch token": func(ctx context.Context) error { return db.TouchToken(ctx, "x") },
		"user":        func(ctx context.Context) error { _, err := db.User(ctx, id); return err },
		"e-mail":      func(ctx context.Context) error { _, err := db.UserByEmail(ctx, "x"); return err },
		"users":       func(ctx context.Context) error { _, err := db.Users(ctx); return err },
		"role":        func(ctx context.Context) error { _, err := db.MemberRole(ctx, id, id); return err },
		"members":     func(ctx context.Context) error { _, err := db.Members(ctx, id); return err },
		"setup":       func(ctx context.Context) error { _, err := db.NeedsSetup(ctx); return err },
		"attempt": func(ctx context.Context) error {
			_, err := db.CountAttempt(ctx, "x", liveblog.AttemptLimit{})
			return err
		},
		"refund": func(ctx context.Context) error { return db.RefundAttempt(ctx, "x") },
		"blog":   func(ctx context.Context) error { _, err := db.Blog(ctx, "x"); return err },
	}
	warm(t, db.Pool(), int(db.Pool().Config().MaxConns))
	close(r.silent)
	var all sync.WaitGroup
	for name, read := range reads {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
			defer cancel()
			began := time.Now()
			err := read(ctx)
			if took := time.Since(began); took > 5*time.Second || !errors.Is(err, liveblog.ErrUnavailable) {
				t.Errorf("%s: %v after %v", name, err, took)
			}
		})
	}
	all.Wait()
}

// warm opens connections of a pool, so that the next n queries need no new one.
func warm(t *testing.T, pool *pgxpool.Pool, n int) {
	t.Helper()
	var conns []*pgxpool.Conn
	for range n {
		c, err := pool.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	for _, c := range conns {
		c.Release()
	}
}
