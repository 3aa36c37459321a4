package stream

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"time"

	"dateline/internal/listen"
	"dateline/internal/liveblog"
)

// maxKept is how many buffers the list of a portable connection may have between
// writes: a reader costs its cursor, not what it was sent.
const maxKept = 16

// portableConn writes a subscriber's stream to an http.ResponseWriter. It works on
// every system, over TLS and HTTP/2, and needs one goroutine per stream.
type portableConn struct {
	hub      *Hub
	w        http.ResponseWriter
	control  *http.ResponseController
	sub      *Subscriber
	timer    *time.Timer // of the heartbeat
	batch    writeBatch
	monitors bool // the connection itself checks whether its reader makes progress
}

func newPortableConn(h *Hub, w http.ResponseWriter, s *Subscriber, conn *listen.Conn) *portableConn {
	if conn != nil {
		conn.BeginStream(stallTimeout, h.drainGraceOver)
	}
	return &portableConn{
		hub: h, w: w, control: http.NewResponseController(w), sub: s, timer: time.NewTimer(jittered(heartbeat)), monitors: conn != nil,
	}
}

// close ends an HTTP/1 connection after its stream, as the fast path does: its
// timeouts are those of a stream, and a reader that a draining node sent away must
// not come back over it.
func (c *portableConn) close(r *http.Request) {
	c.timer.Stop()
	if conn := listen.ConnOf(r); conn != nil && r.ProtoMajor == 1 {
		conn.EndStream()
	}
}

// run writes the stream until there is a reason to close it, and returns the reason.
func (c *portableConn) run(ctx context.Context, first []byte) string {
	writeHead(c.w, c.sub.fields())
	if err := c.write(first); err != nil {
		return closeReason(err)
	}
	draining := c.hub.draining
	var goodbye <-chan time.Time
	for {
		b := &c.batch
		c.sub.peek(b)
		err := c.deliver(ctx, b)
		b.dropFrames(maxKept)
		var retry <-chan time.Time
		switch {
		case errors.Is(err, liveblog.ErrUnavailable): // the stream outlives the outage
			b.changed, retry = nil, time.After(pageRetry)
		case err != nil:
			return closeReason(err)
		case b.over:
			return reasonEnded
		case b.behind:
			continue
		}
		select {
		case <-ctx.Done():
			return reasonDisconnected
		case <-b.changed:
		case <-retry:
		case <-c.timer.C:
			if err := c.write(c.sub.wrap(pingFrame(c.sub.topic.head()))); err != nil {
				return closeReason(err)
			}
		case <-draining:
			draining, goodbye = nil, time.After(c.hub.goodbyeDelay())
		case <-goodbye:
			_ = c.write(c.sub.wrap(byeFrame())) // the reader reconnects in any case
			return reasonDraining
		}
	}
}

// deliver writes what is due. A reader behind the ring gets a page of the log.
func (c *portableConn) deliver(ctx context.Context, b *writeBatch) error {
	if err := c.write(b.buffers...); err != nil {
		return err
	}
	c.sub.advance(b, len(b.buffers))
	if b.behind {
		return c.deliverPage(ctx)
	}
	if b.events > 0 {
		c.hub.metrics.Latency(time.Since(time.Unix(0, b.newest)), 1)
		c.hub.metrics.Delivered(b.events)
	}
	return nil
}

func (c *portableConn) deliverPage(ctx context.Context) error {
	frames, refused, err := c.sub.readPage(ctx)
	if err != nil {
		return err
	}
	if refused != nil {
		return c.write(c.sub.wrap(c.sub.reset(*refused)))
	}
	var buffers [][]byte
	for _, f := range frames {
		buffers = append(buffers, f.bytesFor(c.sub))
	}
	c.hub.metrics.Delivered(len(frames))
	return c.write(buffers...)
}

// write writes buffers and flushes them.
func (c *portableConn) write(buffers ...[]byte) error {
	if len(buffers) == 0 {
		return nil
	}
	for _, b := range buffers {
		if err := c.extendDeadline(); err != nil {
			return err
		}
		if _, err := c.w.Write(b); err != nil {
			return err
		}
	}
	c.timer.Reset(jittered(heartbeat))
	return c.control.Flush()
}

// extendDeadline gives the reader the full time for one more write, unless the
// connection checks its progress.
func (c *portableConn) extendDeadline() error {
	if c.monitors {
		return nil
	}
	err := c.control.SetWriteDeadline(time.Now().Add(stallTimeout))
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}

// Why a stream was closed, as the metrics count it, beside the reasons of a rejection.
const (
	reasonEnded        = "ended" // the blog
	reasonDisconnected = "disconnected"
	reasonStalled      = "stalled"
	reasonLogGap       = "log_gap"
)

// closeReason is the reason of an error that ended a stream.
func closeReason(err error) string {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return reasonStalled
	case errors.Is(err, liveblog.ErrUnavailable):
		return reasonDatabase
	case errors.Is(err, errLogGap):
		slog.Error("stream ended at a gap in the log", "error", err)
		return reasonLogGap
	default:
		return reasonDisconnected
	}
}
