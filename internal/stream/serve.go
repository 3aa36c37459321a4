package stream

import (
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"dateline/internal/compress"
	"dateline/internal/listen"
	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"golang.org/x/time/rate"
)

const (
	// heartbeat is the silence after which a ping is sent. It is below the 60 s
	// after which proxies close a silent connection.
	heartbeat = 20 * time.Second
	// stallTimeout is how long a reader may take no bytes at all.
	stallTimeout = 20 * time.Second
	// pageRetry is the pause before a page of the log that could not be read is
	// read again.
	pageRetry = time.Second
)

// Request is a client's request for the stream of a blog.
type Request struct {
	BlogID   uuid.UUID
	Position Position
	Address  string // of the client
	// Guarded is a stream that its request's context may end at any moment, since
	// not everybody may read the blog.
	Guarded bool
	// Poll is the URL that answers with the same events as long polls.
	Poll string
	// Desk is a stream of an editor of the blog, which is not counted as a reader.
	Desk bool
	// Token makes the token with which the reader's page reports views; nil is none.
	Token func() string
}

// Serve streams a blog's events to one client until the client leaves or stalls,
// the blog has ended, or the node drains. It writes the whole response, always with
// a status that EventSource handles: EventSource gives up for good on any status but
// 200, so that a node which can't serve now answers 200 with the time to reconnect;
// 204 stops EventSource for good, which is right once a blog has ended.
func (h *Hub) Serve(w http.ResponseWriter, r *http.Request, req Request) {
	prefix := Prefix(req.Address)
	if reason := h.limits.acquire(req.BlogID, prefix); reason != "" {
		h.reject(w, reason, req.Poll)
		return
	}
	release := func() { h.limits.release(req.BlogID, prefix) }
	defer func() { release() }()
	switch reason := h.admission.admit(r.Context(), h.draining); reason {
	case "":
	case reasonDraining:
		h.redirect(w, r, req.Poll)
		return
	default:
		h.reject(w, reason, req.Poll)
		return
	}
	readers, desks := 1, 0
	if req.Desk {
		readers, desks = 0, 1
	}
	t, err := h.enter(r.Context(), req.BlogID, readers, desks)
	if err != nil {
		h.reject(w, reasonDatabase, req.Poll)
		return
	}
	release = func() {
		t.addReaders(-readers, -desks)
		h.limits.release(req.BlogID, prefix)
	}
	s, refused, err := h.subscribe(r.Context(), t, req.Position)
	if err != nil {
		h.reject(w, reasonDatabase, req.Poll)
		return
	}
	if s.compressed = h.Compress && compress.Accepts(r); s.compressed {
		h.compressing.Store(true)
	}
	if refused == nil && s.done() {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	first := greeting(s, refused, req)
	// Editors are few and take the portable path: what the fast path releases, it
	// counts as a reader.
	if !req.Guarded && !req.Desk && h.handOff(w, r, s, first, prefix) {
		release = func() {} // the loop releases the reader when it closes the connection
		return
	}
	c := newPortableConn(h, w, s, listen.ConnOf(r))
	defer c.close(r)
	h.metrics.Closed(c.run(r.Context(), first))
}

// Limits bound what readers may take of a node. 0 is no limit.
type Limits struct {
	Streams    int // and long polls, in all
	PerBlog    int
	PerAddress int // of a client; IPv6 addresses count by their /64
	PerSecond  int // new streams
}

// The limit because of which a stream is rejected, as bye and the metrics say it.
const (
	reasonNodeLimit    = "node_limit"
	reasonBlogLimit    = "blog_limit"
	reasonAddressLimit = "address_limit"
)

// limiter counts open streams and long polls. It forgets blogs and addresses that
// have none.
type limiter struct {
	limits    Limits
	mu        sync.Mutex
	streams   int
	blogs     map[uuid.UUID]int
	addresses map[netip.Prefix]int
	warned    time.Time
	empty     chan struct{} // closed when the last stream ends; nil unless wait runs
}

func newLimiter(l Limits) *limiter {
	return &limiter{limits: l, blogs: map[uuid.UUID]int{}, addresses: map[netip.Prefix]int{}}
}

// acquire counts a stream, until release, or returns the limit that is reached. A
// client without an address comes through a proxy that reports none: all of them are
// not counted as one client.
func (l *limiter) acquire(blogID uuid.UUID, prefix netip.Prefix) (reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case reached(l.limits.Streams, l.streams):
		return reasonNodeLimit
	case reached(l.limits.PerBlog, l.blogs[blogID]):
		return reasonBlogLimit
	case prefix.IsValid() && reached(l.limits.PerAddress, l.addresses[prefix]):
		l.warn(prefix)
		return reasonAddressLimit
	}
	l.streams++
	l.blogs[blogID]++
	l.addresses[prefix]++
	return ""
}

func reached(limit, n int) bool { return limit > 0 && n >= limit }

// warn logs once a minute that an address is at its limit. Most often the address is
// that of a proxy, and all of its readers count as one client.
func (l *limiter) warn(prefix netip.Prefix) {
	if time.Since(l.warned) < time.Minute {
		return
	}
	l.warned = time.Now()
	slog.Warn("an address has all the streams it may; a proxy must be named in --trusted-proxies", "address", prefix, "streams", l.limits.PerAddress)
}

func (l *limiter) release(blogID uuid.UUID, prefix netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.streams--
	decrement(l.blogs, blogID)
	decrement(l.addresses, prefix)
	if l.streams > 0 {
		return
	}
	// A map never shrinks: new ones drop the addresses of a burst.
	l.blogs, l.addresses = map[uuid.UUID]int{}, map[netip.Prefix]int{}
	if l.empty != nil {
		close(l.empty)
		l.empty = nil
	}
}

func decrement[K comparable](counts map[K]int, key K) {
	if counts[key]--; counts[key] == 0 {
		delete(counts, key)
	}
}

func (l *limiter) open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.streams
}

// wait returns when no stream is open, or ctx ends.
func (l *limiter) wait(ctx context.Context) {
	l.mu.Lock()
	if l.streams == 0 {
		l.mu.Unlock()
		return
	}
	if l.empty == nil {
		l.empty = make(chan struct{})
	}
	empty := l.empty
	l.mu.Unlock()
	select {
	case <-empty:
	case <-ctx.Done():
	}
}

// Prefix is what streams are counted by.
func Prefix(address string) netip.Prefix { return liveblog.Network(address) }

// maxAdmissionWait is how long a new stream waits to be admitted. A waiting request
// holds a connection, so that clients with a longer wait reconnect instead.
const maxAdmissionWait = 2 * time.Second

// admission begins new streams at a steady rate. When thousands of readers reconnect
// in one second, publishers and the readers that are connected go first.
type admission struct{ bucket *rate.Limiter }

// newAdmission admits so many streams a second, a quarter of which may come at once;
// 0 is no limit.
func newAdmission(perSecond int) admission {
	if perSecond == 0 {
		return admission{rate.NewLimiter(rate.Inf, 0)}
	}
	return admission{rate.NewLimiter(rate.Limit(perSecond), max(1, perSecond/4))}
}

// admit waits until a stream may begin. It returns the reason if it may not:
// reasonDraining when the node drains, reasonStorm when the wait would be too long or
// the client left.
func (a admission) admit(ctx context.Context, draining <-chan struct{}) (reason string) {
	admitted := a.await(ctx, draining)
	select {
	case <-draining:
		return reasonDraining
	default:
	}
	if !admitted {
		return reasonStorm
	}
	return ""
}

// await returns true when it is the stream's turn, and false when that is too far
// off, the client leaves or the node drains.
func (a admission) await(ctx context.Context, draining <-chan struct{}) bool {
	turn := a.bucket.Reserve()
	wait := turn.Delay()
	if wait == 0 {
		return true
	}
	if wait > maxAdmissionWait {
		turn.Cancel()
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-draining:
	}
	turn.Cancel()
	return false
}

// done reports whether the blog has ended and the reader has all of its events.
func (s *Subscriber) done() bool {
	s.topic.mu.Lock()
	defer s.topic.mu.Unlock()
	t := s.topic
	return t.status == liveblog.BlogEnded && s.cursor == t.ring.head && t.ring.head >= t.target
}

// greeting is what a stream begins with: a comment, which shows the client and
// proxies that the stream is open, the time to wait after a break, and hello. The
// hello before a reset has no id: a connection that breaks between the two must come
// back with the cursor that was refused.
func greeting(s *Subscriber, refused *reset, req Request) []byte {
	first := append([]byte(":\n"), retryLine(milliseconds(reconnectDelay()))...)
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

// hello is the data of a stream's first event.
type hello struct {
	Epoch   string         `json:"epoch"`
	Head    int64          `json:"head"`
	From    int64          `json:"from"`
	Chain   liveblog.Chain `json:"chain,omitempty"` // of from, as far as this node knows it
	Readers int64          `json:"readers"`
	Poll    string         `json:"poll,omitempty"`
	Token   string         `json:"token,omitempty"`
}

// hello says where a stream begins, under an id to resume with if it is known that
// the reader may resume there.
func (s *Subscriber) hello(resumable bool, req Request) []byte {
	data, id := hello{From: s.cursor, Poll: req.Poll}, noID
	if req.Token != nil {
		data.Token = req.Token()
	}
	t := s.topic
	t.mu.Lock()
	data.Epoch, data.Head, data.Chain, data.Readers = t.epoch, t.ring.head, t.ring.chainAt(s.cursor), t.counts.readers
	t.mu.Unlock()
	if resumable && s.expectedChain == nil {
		id = s.id(s.cursor, data.Chain)
	}
	return jsonEvent(nameHello, id, data)
}

// reconnectDelay is how long a reader waits when its connection breaks without a
// bye: the readers of a killed node are back within 2 s, and not all at once.
func reconnectDelay() time.Duration { return 500*time.Millisecond + rand.N(1500*time.Millisecond) }

func milliseconds(d time.Duration) int { return int(max(0, d.Milliseconds())) }

// jittered spreads what many connections do over a tenth of d before and after d.
func jittered(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5)
}

func jsonEvent(name, id string, v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic("stream: control events are always encodable: " + err.Error())
	}
	return appendEvent(nil, name, id, data)
}
