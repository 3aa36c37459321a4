package pgtest

import (
	"context"
	"io"
	"net"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Late is the address of a PostgreSQL that hangs up on its first callers, as one
// does that is starting.
type Late struct {
	DSN     string
	callers atomic.Int64
}

// Callers counts the connections that were opened.
func (l *Late) Callers() int64 { return l.callers.Load() }

// NewLate refuses so many connections and relays those after them.
func NewLate(t testing.TB, refused int64) *Late {
	t.Helper()
	real, err := pgx.ParseConfig(DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	u := url.URL{Scheme: "postgres", User: url.UserPassword(real.User, real.Password), Host: l.Addr().String(), Path: real.Database, RawQuery: "sslmode=disable"}
	s := &Late{DSN: u.String()}
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
			go relay(t.Context(), conn, real)
		}
	}()
	return s
}

// relay ends with either of the two.
func relay(ctx context.Context, client net.Conn, real *pgx.ConnConfig) {
	defer client.Close()
	network, address := pgconn.NetworkAddress(real.Host, real.Port)
	server, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	_, _ = io.Copy(client, server)
}
