package stream

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"time"

	"dateline/internal/compress"
	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

const (
	// heartbeat is the silence after which a ping is sent. It is below the
	// 60 s at which proxies give up on a quiet connection.
	heartbeat = 20 * time.Second
	// stalled is how long a reader may take no bytes at all.
	stalled = 20 * time.Second
	// pageRetry is when a page of the log that could not be read is asked for again.
	pageRetry = time.Second
	// busyRetry is the least wait of a reader who can't be served now; the most is
	// three times as long.
	busyRetry = 5 * time.Second
	// awayRetry is the same while the database is away; the most is twice that.
	awayRetry = time.Second

	noDatabase = "database"
	inStorm    = "storm"
)

// Request is a reader's wish to follow a blog.
type Request struct {
	BlogID   uuid.UUID
	Position Position
	Address  string // of the client
	// Guarded is a stream whose request's context may end it at any moment, since
	// not everybody may read it.
	Guarded bool
	// Poll is where the same events are to be had as long polls.
	Poll string
	// Desk is a stream of somebody who works on the blog: no reader, for the counts.
	Desk bool
	// Token makes what the reader's page reports views with; nil is none.
	Token func() string
}

// Serve streams a blog's events to one reader until it leaves, stalls, the blog
// is over or the node drains. It writes the whole response, in every case with
// a status that EventSource understands: it gives up for good on any but 200, so
// a node that can't serve now says 200, when to come back, and no more; 204 stops
// it for good, which is right once a blog has ended.
func (h *Hub) Serve(w http.ResponseWriter, r *http.Request, req Request) {
	prefix := Prefix(req.Address)
	if refusal := h.limits.acquire(req.BlogID, prefix); refusal != "" {
		h.turnAway(w, refusal, req.Poll)
		return
	}
	adopted := false
	defer func() {
		if !adopted { // else the fast path counts it out
			h.limits.release(req.BlogID, prefix)
		}
	}()
	adopted = h.serve(w, r, req, prefix)
}

// serve is Serve for a reader who is counted in. It reports whether the fast path
// took the reader over.
func (h *Hub) serve(w http.ResponseWriter, r *http.Request, req Request, prefix netip.Prefix) (adopted bool) {
	admitted := h.arrivals.admit(r.Context(), h.draining)
	if h.Draining() {
		h.sendOn(w, r, req.Poll)
		return false
	}
	if !admitted {
		h.turnAway(w, inStorm, req.Poll)
		return false
	}
	t, leave, err := h.countIn(r.Context(), req)
	if err != nil {
		h.turnAway(w, noDatabase, req.Poll)
		return false
	}
	defer func() {
		if !adopted {
			leave()
		}
	}()
	return h.attend(w, r, req, t, prefix)
}

// countIn finds the topic of a blog and counts a reader in, or somebody who works
// on the blog; leave counts out again.
func (h *Hub) countIn(ctx context.Context, req Request) (t *topic, leave func(), err error) {
	if !req.Desk {
		t, err = h.enter(ctx, req.BlogID, 1)
		return t, func() { t.join(-1) }, err
	}
	if t, err = h.enter(ctx, req.BlogID, 0); err != nil {
		return nil, nil, err
	}
	t.countDesks(1)
	return t, func() { t.countDesks(-1) }, nil
}

// attend is serve for a reader whose topic is there. Desks, which are few, take
// the portable path: what the other one gives up it counts as a reader.
func (h *Hub) attend(w http.ResponseWriter, r *http.Request, req Request, t *topic, prefix netip.Prefix) (adopted bool) {
	s, refused, err := h.subscribe(r.Context(), t, req.Position)
	if err != nil {
		h.turnAway(w, noDatabase, req.Poll)
		return false
	}
	if s.compressed = h.Compress && compress.Accepts(r); s.compressed {
		h.compressing.Store(true)
	}
	if refused == nil && s.done() {
		w.WriteHeader(http.StatusNoContent)
		return false
	}
	first := greeting(s, refused, req)
	if !req.Guarded && !req.Desk && h.adopt(w, r, s, first, prefix) {
		return true
	}
	c := newConnection(h, w, s, connOf(r))
	defer c.close(r)
	h.metrics.Closed(c.run(r.Context(), first))
	return false
}

// done reports whether the blog is over and the reader has all of it.
func (s *Subscriber) done() bool {
	s.topic.mu.Lock()
	defer s.topic.mu.Unlock()
	t := s.topic
	return t.status == liveblog.BlogEnded && s.cursor == t.ring.head && t.ring.head >= t.target
}

// TurnAway answers a reader who can't be served while the database is away; poll
// is where to ask meanwhile.
func (h *Hub) TurnAway(w http.ResponseWriter, poll string) { h.turnAway(w, noDatabase, poll) }

// turnAway answers a reader who must come back later, and says where to get the
// same events meanwhile.
func (h *Hub) turnAway(w http.ResponseWriter, reason, poll string) {
	writeHead(w, refusedFields)
	_, _ = w.Write(refusal(h.comeBack(reason), reason, poll)) // the reader may be gone
	h.metrics.Closed(reason)
}

// otherNodes is the header by which a proxy says that it asks another node when
// this one answers 503; deploy/nginx.conf sets it.
const otherNodes = "X-Other-Nodes"

// sendOn answers a reader who comes to a node that is leaving. To a proxy that
// counts connections such a node looks like the least busy one.
func (h *Hub) sendOn(w http.ResponseWriter, r *http.Request, poll string) {
	if r.Header.Get(otherNodes) == "" {
		h.turnAway(w, nameBye, poll)
		return
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	h.metrics.Closed(nameBye)
}

// comeBack is how long a reader who was turned away should wait: a while; from a
// node that is leaving, until it has left and others are asked; and less where the
// database is away, which costs no more than one question for all who ask.
func (h *Hub) comeBack(reason string) time.Duration {
	switch {
	case h.Draining():
		return time.Until(h.leaveBy()) + moment()
	case reason == noDatabase:
		return awayRetry + rand.N(awayRetry)
	}
	return busyRetry + rand.N(2*busyRetry)
}

// moment is the wait of a reader who is expected elsewhere.
func moment() time.Duration { return 200*time.Millisecond + rand.N(1800*time.Millisecond) }

// afterBreak is how long a reader waits when its connection breaks without a
// word: a killed node's readers are back within 2 s, and not all at once.
func afterBreak() time.Duration { return 500*time.Millisecond + rand.N(1500*time.Millisecond) }

func milliseconds(d time.Duration) int { return int(max(0, d.Milliseconds())) }

// field is a line of an answer's head.
type field struct{ name, value string }

// closing says that the connection ends with the answer.
var closing = field{"Connection", "close"}

// streamFields are those of every answer that EventSource understands.
var streamFields = []field{
	{"Content-Type", "text/event-stream; charset=utf-8"},
	{"Cache-Control", "no-store, no-transform"},
	{"X-Accel-Buffering", "no"},
}

var (
	// A refused reader would hold a place until its connection is idle for a minute.
	refusedFields = append(slices.Clone(streamFields), closing)
	// For those who are let in gzip is one choice of two (RFC 9110, section 12.5.5).
	plainFields      = append(slices.Clone(streamFields), field{"Vary", "Accept-Encoding"})
	compressedFields = append(slices.Clone(plainFields), field{"Content-Encoding", "gzip"})
)

// fields are those of the head of a reader's stream.
func (s *Subscriber) fields() []field {
	if s.compressed {
		return compressedFields
	}
	return plainFields
}

func writeHead(w http.ResponseWriter, fields []field) {
	for _, f := range fields {
		w.Header().Set(f.name, f.value)
	}
	w.WriteHeader(http.StatusOK)
}

// connection writes what a subscriber is owed to one response: the portable
// way, which needs a goroutine for each reader.
type connection struct {
	hub     *Hub
	w       http.ResponseWriter
	control *http.ResponseController
	sub     *Subscriber
	timer   *time.Timer
	buffers [][]byte
	watched bool // the connection itself sees whether its reader makes progress
}

func newConnection(h *Hub, w http.ResponseWriter, s *Subscriber, conn *Conn) *connection {
	if conn != nil {
		conn.beginStream(stalled, h.farewellOver)
	}
	return &connection{
		hub: h, w: w, control: http.NewResponseController(w), sub: s, timer: time.NewTimer(jittered(heartbeat)), watched: conn != nil,
	}
}

// close ends the connection of HTTP/1 with its stream, as the fast path does: it
// was tuned for it, and a reader who was sent away from a node that leaves shall
// not come back over it.
func (c *connection) close(r *http.Request) {
	c.timer.Stop()
	if conn := connOf(r); conn != nil && r.ProtoMajor == 1 {
		conn.endStream()
	}
}

// jittered spreads what many connections do over a tenth of the time around d.
func jittered(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5)
}

// run streams until there is a reason to stop, and returns it.
func (c *connection) run(ctx context.Context, first []byte) string {
	if err := c.greet(first); err != nil {
		return reasonOf(err)
	}
	leave := c.hub.draining
	var leaving <-chan time.Time
	for {
		d := c.sub.next(c.buffers[:0])
		err := c.deliver(ctx, d)
		c.keep(d.buffers)
		var again <-chan time.Time
		switch {
		case errors.Is(err, liveblog.ErrUnavailable): // the stream outlives the outage
			d.changed, again = nil, time.After(pageRetry)
		case err != nil:
			return reasonOf(err)
		case d.over:
			return nameEnd
		case d.behind:
			continue
		}
		select {
		case <-ctx.Done():
			return "gone"
		case <-d.changed:
		case <-again:
		case <-c.timer.C:
			if err := c.ping(); err != nil {
				return reasonOf(err)
			}
		case <-leave:
			leave, leaving = nil, time.After(c.hub.leaveIn())
		case <-leaving:
			_ = c.write(c.sub.own(byeFrame())) // it reconnects in any case
			return nameBye
		}
	}
}

// keep makes the next delivery reuse a list of buffers, but not a long one, and
// lets go of the frames in it: a reader costs its cursor, not what it was sent.
func (c *connection) keep(buffers [][]byte) {
	const ordinary = 16
	clear(buffers)
	c.buffers = nil
	if cap(buffers) <= ordinary {
		c.buffers = buffers
	}
}

// leaveIn is the time to a random moment of what is left of the drain's window.
func (h *Hub) leaveIn() time.Duration {
	return rand.N(max(0, time.Until(h.leaveBy())) + time.Millisecond)
}

// greet sends what every stream begins with. The first bytes go out at once:
// they tell the reader, and proxies, that the stream is open.
func (c *connection) greet(first []byte) error {
	writeHead(c.w, c.sub.fields())
	return c.write(first)
}

// greeting is what a stream begins with: a comment, which shows that it is open, the
// time to wait after a break, and hello. A refused reader's hello has no id: cut
// off before its reset, the reader must come back with the cursor that was refused.
func greeting(s *Subscriber, refused *reset, req Request) []byte {
	first := append([]byte(":\n"), retryLine(milliseconds(afterBreak()))...)
	if refused != nil {
		first = slices.Concat(first, s.hello(false, req), s.reset(*refused))
	} else {
		first = append(first, s.hello(true, req)...)
	}
	if s.compressed {
		return slices.Concat(gzipHeader, store(first))
	}
	return first
}

// deliver writes what is due; a reader who is behind the ring gets a page of the log.
func (c *connection) deliver(ctx context.Context, d due) error {
	if d.behind {
		if err := c.write(d.buffers...); err != nil {
			return err
		}
		return c.replay(ctx)
	}
	if len(d.buffers) == 0 {
		return nil
	}
	if err := c.write(d.buffers...); err != nil {
		return err
	}
	if d.events > 0 {
		c.hub.metrics.Latency(time.Since(time.Unix(0, d.newest)), 1)
	}
	c.hub.metrics.Delivered(d.events)
	return nil
}

func (c *connection) replay(ctx context.Context) error {
	frames, refused, err := c.sub.catchUp(ctx)
	if err != nil {
		return err
	}
	if refused != nil {
		return c.write(c.sub.own(c.sub.reset(*refused)))
	}
	var buffers [][]byte
	for _, f := range frames {
		buffers = append(buffers, f.to(c.sub))
	}
	c.hub.metrics.Delivered(len(frames))
	return c.write(buffers...)
}

func (c *connection) ping() error {
	return c.write(c.sub.own(pingFrame(c.sub.topic.head())))
}

// write sends buffers and flushes them.
func (c *connection) write(buffers ...[]byte) error {
	if len(buffers) == 0 {
		return nil
	}
	for _, b := range buffers {
		if err := c.extend(); err != nil {
			return err
		}
		if _, err := c.w.Write(b); err != nil {
			return err
		}
	}
	c.timer.Reset(jittered(heartbeat))
	return c.control.Flush()
}

// extend gives the reader the full time for one more event, unless the
// connection judges by what it takes.
func (c *connection) extend() error {
	if c.watched {
		return nil
	}
	err := c.control.SetWriteDeadline(time.Now().Add(stalled))
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}

// reasonOf says why a stream ended, for the metrics.
func reasonOf(err error) string {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "stalled"
	case errors.Is(err, liveblog.ErrUnavailable):
		return noDatabase
	case errors.Is(err, errHole):
		slog.Error("stream ended at a hole in the log", "error", err)
		return "hole"
	default:
		return "gone"
	}
}
