package stream

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"dateline/internal/compress"
	"dateline/internal/listen"
	"dateline/internal/liveblog"

	"github.com/google/uuid"
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
	// busyRetry is the least time after which a rejected reader reconnects; the most
	// is three times that.
	busyRetry = 5 * time.Second
	// outageRetry is the same while the database is away; the most is twice that.
	outageRetry = time.Second
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

// Reject answers a client that can't be served while the database is away; poll is
// where the same events are available meanwhile.
func (h *Hub) Reject(w http.ResponseWriter, poll string) { h.reject(w, reasonDatabase, poll) }

// reject answers a client that must come back later, with the reason and the URL to
// poll meanwhile. The response is a stream, short as it is: EventSource would give up
// for good on any other.
func (h *Hub) reject(w http.ResponseWriter, reason, poll string) {
	writeHead(w, rejectFields)
	body := append(retryLine(milliseconds(h.retryAfter(reason))), jsonEvent(nameBye, noID, bye{Reason: reason, Poll: poll})...)
	_, _ = w.Write(body) // the client may have left
	h.metrics.Closed(reason)
}

// otherNodes is the header by which a proxy says that it tries another node when
// this one answers 503; deploy/nginx.conf sets it.
const otherNodes = "X-Other-Nodes"

// redirect answers a client that connects to a draining node, which a proxy that
// counts connections takes for the least busy one. A proxy with other nodes tries
// one of them at once.
func (h *Hub) redirect(w http.ResponseWriter, r *http.Request, poll string) {
	if r.Header.Get(otherNodes) == "" {
		h.reject(w, reasonDraining, poll)
		return
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	h.metrics.Closed(reasonDraining)
}

// retryAfter is the time after which a rejected client reconnects: when a draining
// node has stopped and others answer; soon where the database is away, which costs
// one query for all clients that ask; otherwise after a while.
func (h *Hub) retryAfter(reason string) time.Duration {
	switch {
	case h.Draining():
		return time.Until(h.drainEnds()) + redirectDelay()
	case reason == reasonDatabase:
		return outageRetry + rand.N(outageRetry)
	}
	return busyRetry + rand.N(2*busyRetry)
}

// redirectDelay is how long a reader that was sent to another node waits.
func redirectDelay() time.Duration { return 200*time.Millisecond + rand.N(1800*time.Millisecond) }

// reconnectDelay is how long a reader waits when its connection breaks without a
// bye: the readers of a killed node are back within 2 s, and not all at once.
func reconnectDelay() time.Duration { return 500*time.Millisecond + rand.N(1500*time.Millisecond) }

func milliseconds(d time.Duration) int { return int(max(0, d.Milliseconds())) }

// jittered spreads what many connections do over a tenth of d before and after d.
func jittered(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5)
}

// field is one line of a response's head.
type field struct{ name, value string }

// closing announces that the connection closes after the response.
var closing = field{"Connection", "close"}

// streamFields are in the head of every response that EventSource handles.
var streamFields = []field{
	{"Content-Type", "text/event-stream; charset=utf-8"},
	{"Cache-Control", "no-store, no-transform"},
	{"X-Accel-Buffering", "no"},
}

var (
	// A rejected client would hold a slot until its connection is idle for a minute.
	rejectFields = append(slices.Clone(streamFields), closing)
	// Streams vary by coding (RFC 9110, section 12.5.5), rejections do not.
	plainFields      = append(slices.Clone(streamFields), field{"Vary", "Accept-Encoding"})
	compressedFields = append(slices.Clone(plainFields), field{"Content-Encoding", "gzip"})
)

// fields are in the head of the subscriber's stream.
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

// WriteHead answers a HEAD request for a stream.
func WriteHead(w http.ResponseWriter) { writeHead(w, plainFields) }

func jsonEvent(name, id string, v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic("stream: control events are always encodable: " + err.Error())
	}
	return appendEvent(nil, name, id, data)
}
