package stream

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"golang.org/x/sync/singleflight"
)

// Log is the event log in the database.
type Log interface {
	// Heads reads how far the logs of these blogs go.
	Heads(ctx context.Context, blogIDs []uuid.UUID) ([]liveblog.Head, error)
	// EventsAfter reads up to limit events with seq > after, in order.
	EventsAfter(ctx context.Context, blogID uuid.UUID, after int64, limit int) ([]liveblog.Event, error)
	// RenewEpochs begins new epochs unless the log continues what this node has
	// sent, or another node has begun them already.
	RenewEpochs(ctx context.Context, sent liveblog.Head) error
}

// Metrics receives what the hub does.
type Metrics interface {
	Fetched(events int)                             // new events were added to a ring
	Delivered(events int)                           // events were written to one reader
	Latency(sinceCommit time.Duration, readers int) // of the newest event that so many readers got
	Reset(reason string)                            // a reader was sent a reset
	Closed(reason string)                           // a stream ended, and why
}

// idleLife is how long a topic without readers is kept.
const idleLife = time.Minute

// Hub owns the topics and the subscribers of this node.
type Hub struct {
	log       Log
	encode    Encode
	metrics   Metrics
	limits    *limiter
	admission admission

	loads singleflight.Group
	heads *headCache

	mu     sync.Mutex // locked before a topic's mutex
	topics map[uuid.UUID]*topic

	runMu   sync.Mutex      // locked after a topic's mutex
	ctx     context.Context // of Run; nil before and after it
	fetches sync.WaitGroup

	// Compress allows compressed streams for readers that accept them. It is set
	// before the first stream begins.
	Compress    bool
	compressing atomic.Bool // a reader gets, or got, a compressed stream
	receipting  atomic.Bool // a reader gets, or got, receipts as ids

	loops    []*loop // of the fast path; empty without one
	draining chan struct{}
	drainEnd time.Time
}

// New makes a hub. It serves while Run runs.
func New(log Log, encode Encode, metrics Metrics, limits Limits) *Hub {
	return &Hub{
		log: log, encode: encode, metrics: metrics, limits: newLimiter(limits), admission: newAdmission(limits.PerSecond),
		topics: map[uuid.UUID]*topic{}, draining: make(chan struct{}), heads: newHeadCache(),
	}
}

// Run keeps the hub until ctx ends and then waits for its fetches. It evicts topics
// that have had no reader for a while.
func (h *Hub) Run(ctx context.Context) {
	h.runMu.Lock()
	h.ctx = ctx
	h.runMu.Unlock()
	defer h.startLoops()()
	tick := time.NewTicker(idleLife / 4)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			h.runMu.Lock()
			h.ctx = nil // no fetch starts while Run waits for those that run
			h.runMu.Unlock()
			h.fetches.Wait()
			return
		case <-tick.C:
			h.evict()
		}
	}
}

// spawn runs f in a goroutine of the hub. It reports false outside of Run.
func (h *Hub) spawn(f func(context.Context)) bool {
	h.runMu.Lock()
	defer h.runMu.Unlock()
	if h.ctx == nil || h.ctx.Err() != nil {
		return false
	}
	ctx := h.ctx
	h.fetches.Go(func() { f(ctx) })
	return true
}

func (h *Hub) evict() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, t := range h.topics {
		if t.tryEvict(idleLife) {
			delete(h.topics, id)
		}
	}
}

// Wake reports that a blog's log may go to seq now. It never blocks.
func (h *Hub) Wake(blogID uuid.UUID, seq int64) {
	h.heads.notified(blogID, seq)
	if t := h.findTopic(blogID); t != nil {
		t.wake(seq)
	}
}

// Watched lists the blogs whose events this node follows, and those whose pages
// were requested a short time ago.
func (h *Hub) Watched() []uuid.UUID {
	h.mu.Lock()
	ids := make(map[uuid.UUID]struct{}, len(h.topics))
	for id := range h.topics {
		ids[id] = struct{}{}
	}
	h.mu.Unlock()
	return h.heads.addRequested(ids)
}

// Heads compares the topics with heads that were read from the database. A head that
// does not continue a topic is read again: it may be older than what the topic knows.
// The head of a blog that no longer exists is empty.
func (h *Hub) Heads(heads []liveblog.Head) {
	for _, head := range heads {
		h.heads.update(head)
		t := h.findTopic(head.BlogID)
		if t == nil {
			continue
		}
		if !t.continuedBy(head) {
			h.spawn(func(ctx context.Context) { _ = t.refreshHead(ctx) }) // after an error the next poll reads it again
			continue
		}
		t.applyHead(head, 0)
	}
}

// Readers is how many readers' streams are open on each blog of this node.
func (h *Hub) Readers() map[uuid.UUID]int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make(map[uuid.UUID]int64, len(h.topics))
	for id, t := range h.topics {
		t.mu.Lock()
		out[id] = int64(t.readers)
		t.mu.Unlock()
	}
	return out
}

// Streams is how many streams and long polls are open on this node.
func (h *Hub) Streams() int { return h.limits.open() }

// Drain says goodbye to all readers, to each at a random time within a window that
// grows with their number. It returns when all streams are closed or ctx ends.
func (h *Hub) Drain(ctx context.Context) {
	h.mu.Lock()
	h.drainEnd = time.Now().Add(drainWindow(h.limits.open()))
	close(h.draining)
	h.mu.Unlock()
	h.wakeLoops()
	h.limits.wait(ctx)
}

// drainWindow spreads the goodbyes over 5 s, and over more than that if there would
// be more than 2,000 in one second; a few readers leave sooner.
func drainWindow(streams int) time.Duration {
	few := time.Duration(streams) * 100 * time.Millisecond
	many := time.Duration(streams) * time.Second / 2000
	return min(max(min(few, 5*time.Second), many), 30*time.Second)
}

// drainEnds is the end of the drain's window.
func (h *Hub) drainEnds() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.drainEnd
}

// goodbyeDelay is the time to a random moment in the rest of the drain's window.
func (h *Hub) goodbyeDelay() time.Duration {
	return rand.N(max(0, time.Until(h.drainEnds())) + time.Millisecond)
}

// drainGrace is how long after the drain's window a slow reader may still take what
// is due. Then its connection is closed without a bye: the reader resumes elsewhere
// all the same, while a node that waited for the slowest one would delay a deployment.
const drainGrace = 2 * time.Second

// drainGraceOver reports whether a draining node no longer waits for slow readers.
func (h *Hub) drainGraceOver() bool {
	return h.Draining() && time.Now().After(h.drainEnds().Add(drainGrace))
}

// Draining reports whether the node is draining.
func (h *Hub) Draining() bool {
	select {
	case <-h.draining:
		return true
	default:
		return false
	}
}
