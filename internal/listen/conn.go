package listen

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// Conn is a client's connection. On a stream it distinguishes a reader that takes
// little from one that takes nothing, which a write deadline cannot: the kernel
// accepts bytes in large steps, so that a slow reader looks dead for minutes.
//
// Before a stream begins it behaves like any other connection.
type Conn struct {
	net.Conn
	release     func() // frees what the connection held; called once
	released    atomic.Bool
	idleTimeout time.Duration // of a stream: how long its reader may take nothing; 0 before a stream begins
	expired     func() bool   // reports whether slow readers are no longer waited for
	ended       atomic.Bool   // the stream is over: Read reports the end
}

// NewConn wraps an accepted connection. release is called once, when the
// connection is closed.
func NewConn(c net.Conn, release func()) *Conn {
	return &Conn{Conn: c, release: release}
}

// Close implements net.Conn.
func (c *Conn) Close() error {
	defer c.takeRelease()()
	return c.Conn.Close()
}

// takeRelease returns the function that frees what the connection held, on the
// first call, and one that does nothing on later calls.
func (c *Conn) takeRelease() func() {
	if c.released.CompareAndSwap(false, true) {
		return c.release
	}
	return func() {}
}

type connKey struct{}

// ConnContext is for http.Server.ConnContext. It puts a connection that a
// limitListener accepted into the context of its requests.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	if conn, ok := c.(*Conn); ok {
		return context.WithValue(ctx, connKey{}, conn)
	}
	return ctx
}

// ConnOf is the connection of a request, or nil when its server does not use
// ConnContext.
func ConnOf(r *http.Request) *Conn {
	c, _ := r.Context().Value(connKey{}).(*Conn)
	return c
}

// BeginStream makes the writes of a stream fail when its reader has taken nothing
// for idleTimeout, or when it is slow and expired reports true.
func (c *Conn) BeginStream(idleTimeout time.Duration, expired func() bool) {
	c.idleTimeout, c.expired = idleTimeout, expired
}

// EndStream makes the server close the connection after the stream: the next Read
// reports its end.
func (c *Conn) EndStream() { c.ended.Store(true) }

// Read implements net.Conn.
func (c *Conn) Read(b []byte) (int, error) {
	if c.ended.Load() {
		return 0, io.EOF
	}
	return c.Conn.Read(b)
}

// Write writes all of b. On a stream it fails when the reader has taken nothing
// for the idle timeout, when all of b took longer than any reader may need, or
// when slow readers are no longer waited for.
func (c *Conn) Write(b []byte) (n int, err error) {
	if c.idleTimeout == 0 {
		return c.Conn.Write(b)
	}
	interval := c.idleTimeout / 10
	p := progress{conn: c.Conn, idleTimeout: c.idleTimeout, began: time.Now()}
	for {
		if err := c.SetWriteDeadline(time.Now().Add(interval)); err != nil {
			return n, err
		}
		m, err := c.Conn.Write(b[n:])
		n += m
		if !errors.Is(err, os.ErrDeadlineExceeded) || p.stalled(m) || c.expired() {
			return n, err
		}
	}
}

// MaxSlowness bounds how many times longer than the idle timeout of a stream one
// write may take: 10 minutes, for 64 kB at 107 bytes a second.
const MaxSlowness = 30

// progress observes a write that does not finish. The reader makes progress when
// the kernel takes more bytes from us, or when the reader's kernel acknowledges
// more of them.
type progress struct {
	conn        net.Conn
	idleTimeout time.Duration
	began       time.Time
	last        time.Time // of progress; zero before the first check
	unacked     int       // bytes that the reader's kernel had not acknowledged at the last check
}

// stalled checks the connection after the kernel took n more bytes, and reports
// whether the reader has used up its time.
func (p *progress) stalled(n int) bool {
	now := time.Now()
	unacked := unacknowledged(p.conn)
	if p.last.IsZero() || n > 0 || unacked < p.unacked {
		p.last = now
	}
	p.unacked = unacked
	return now.Sub(p.last) >= p.idleTimeout || now.Sub(p.began) >= MaxSlowness*p.idleTimeout
}
