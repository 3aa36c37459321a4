package stream

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

// Conn is a client's connection that knows the difference between a reader who
// takes little and one who takes nothing. A deadline for writing does not: the
// kernel takes bytes in large steps, so that a slow reader looks like a dead one
// for minutes.
//
// Before a stream begins it is a connection like any other.
type Conn struct {
	net.Conn
	leave    func() // called once, when it is closed
	left     atomic.Bool
	patience time.Duration // for a stream: how long its reader may take nothing; 0 before
	over     func() bool   // and whether it is not waited for any more
	ended    atomic.Bool   // the stream is over: nothing more is read
}

// NewConn prepares a connection that was just accepted. leave is called once,
// when it is closed.
func NewConn(c net.Conn, leave func()) *Conn {
	return &Conn{Conn: c, leave: leave}
}

// Close implements net.Conn.
func (c *Conn) Close() error {
	defer c.release()
	return c.Conn.Close()
}

func (c *Conn) release() {
	if c.left.CompareAndSwap(false, true) {
		c.leave()
	}
}

// retire returns what must be called in the place of Close when somebody else
// owns the socket from now on.
func (c *Conn) retire() (leave func()) {
	if c.left.CompareAndSwap(false, true) {
		return c.leave
	}
	return func() {}
}

type connKey struct{}

// WithConn gives the requests of a connection to Serve with what it needs to
// watch their readers; it is for http.Server.ConnContext.
func WithConn(ctx context.Context, c *Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// connOf is the connection of a request, or nil when the server did not tell.
func connOf(r *http.Request) *Conn {
	c, _ := r.Context().Value(connKey{}).(*Conn)
	return c
}

// beginStream makes the connection one of a stream until it is closed.
func (c *Conn) beginStream(patience time.Duration, over func() bool) {
	c.patience, c.over = patience, over
}

// endStream makes whoever reads the connection find its end.
func (c *Conn) endStream() { c.ended.Store(true) }

// Read implements net.Conn. Behind a stream it gives nothing: what was written is
// sent, and then the server closes the connection.
func (c *Conn) Read(b []byte) (int, error) {
	if c.ended.Load() {
		return 0, io.EOF
	}
	return c.Conn.Read(b)
}

// Write writes all of b. On a stream it fails when the reader has taken nothing
// for as long as it may, all of b took longer than anybody may need, or slow
// readers are waited for no more.
func (c *Conn) Write(b []byte) (n int, err error) {
	if c.patience == 0 {
		return c.Conn.Write(b)
	}
	look := c.patience / 10
	w := watch{conn: c.Conn, patience: c.patience, began: time.Now()}
	for {
		if err := c.SetWriteDeadline(time.Now().Add(look)); err != nil {
			return n, err
		}
		m, err := c.Conn.Write(b[n:])
		n += m
		if !errors.Is(err, os.ErrDeadlineExceeded) || w.stalled(m) || c.over() {
			return n, err
		}
	}
}

// maxPatience bounds how many times longer than its patience one write may
// take: 10 minutes, for 64 kB at 107 bytes a second.
const maxPatience = 30

// watch follows a write that does not end. Its reader makes progress when the
// kernel takes more bytes from us, or its own acknowledges what it has.
type watch struct {
	conn     net.Conn
	patience time.Duration
	began    time.Time
	progress time.Time // zero before the first look
	queued   int       // bytes that the reader's side had not acknowledged then
}

// stalled looks at the connection after m more bytes were taken from us.
func (w *watch) stalled(m int) bool {
	now := time.Now()
	queued := unacknowledged(w.conn)
	if w.progress.IsZero() || m > 0 || queued < w.queued {
		w.progress = now
	}
	w.queued = queued
	return now.Sub(w.progress) >= w.patience || now.Sub(w.began) >= maxPatience*w.patience
}
