package stream

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"golang.org/x/sync/singleflight"
)

// Log is the event log in the database.
type Log interface {
	// Heads tells how far the logs of these blogs go.
	Heads(ctx context.Context, blogIDs []uuid.UUID) ([]liveblog.Head, error)
	// EventsAfter reads up to limit events with seq > after, in order.
	EventsAfter(ctx context.Context, blogID uuid.UUID, after int64, limit int) ([]liveblog.Event, error)
	// RenewEpochs begins new epochs unless the log goes on from what this node has
	// told, or somebody has begun them already.
	RenewEpochs(ctx context.Context, told liveblog.Head) error
}

// Metrics is told what the hub does.
type Metrics interface {
	Fetched(events int)                             // new events came into a ring
	Delivered(events int)                           // events were written to one reader
	Latency(sinceCommit time.Duration, readers int) // of the newest event that so many readers got
	Reset(reason string)                            // a reader was told to start again
	Closed(reason string)                           // a stream ended, and why
}

// idleLife is how long a topic without readers stays.
const idleLife = time.Minute

// Hub owns the topics and counts the subscribers of this node.
type Hub struct {
	log      Log
	encode   Encode
	metrics  Metrics
	limits   *limiter
	arrivals arrivals

	loads singleflight.Group
	heads *knownHeads

	mu     sync.Mutex // before a topic's
	topics map[uuid.UUID]*topic

	running sync.Mutex      // after a topic's
	ctx     context.Context // of Run; nil before and canceled after
	fetches sync.WaitGroup

	// Compress lets readers who accept it have their streams compressed. It is set
	// before the first one comes.
	Compress    bool
	compressing atomic.Bool // somebody reads a compressed stream
	receipting  atomic.Bool // somebody's ids are receipts

	loops    []*loop // of the fast path, if there is one
	draining chan struct{}
	leave    time.Time // the end of the drain's window
}

// New makes a hub. It answers once Run runs.
func New(log Log, encode Encode, metrics Metrics, limits Limits) *Hub {
	return &Hub{
		log: log, encode: encode, metrics: metrics, limits: newLimiter(limits), arrivals: newArrivals(limits.PerSecond),
		topics: map[uuid.UUID]*topic{}, draining: make(chan struct{}), heads: newKnownHeads(),
	}
}

// Run keeps the hub until ctx ends and then waits for its fetches. Topics that
// nobody reads any more are let go.
func (h *Hub) Run(ctx context.Context) {
	h.running.Lock()
	h.ctx = ctx
	h.running.Unlock()
	defer h.startLoops()()
	tick := time.NewTicker(idleLife / 4)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			h.running.Lock()
			h.ctx = nil // no fetch begins while those that run are waited for
			h.running.Unlock()
			h.fetches.Wait()
			return
		case <-tick.C:
			h.evict()
		}
	}
}

// spawn runs f on the hub's behalf; it reports false outside of Run.
func (h *Hub) spawn(f func(context.Context)) bool {
	h.running.Lock()
	defer h.running.Unlock()
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
		if t.letGo(idleLife) {
			delete(h.topics, id)
		}
	}
}

// Wake says that a blog's log may go to seq now. It never waits.
func (h *Hub) Wake(blogID uuid.UUID, seq int64) {
	h.heads.ring(blogID, seq)
	if t := h.known(blogID); t != nil {
		t.wake(seq)
	}
}

// Watched lists the blogs whose events this node follows, and those whose pages
// are asked for.
func (h *Hub) Watched() []uuid.UUID {
	h.mu.Lock()
	ids := make(map[uuid.UUID]struct{}, len(h.topics))
	for id := range h.topics {
		ids[id] = struct{}{}
	}
	h.mu.Unlock()
	return h.heads.wanted(ids)
}

// Heads compares the topics with what the database reports. A head that does not
// continue ours is asked for again: the report may be older than what we know. Of a
// blog that is not there any more the head is empty.
func (h *Hub) Heads(heads []liveblog.Head) {
	for _, head := range heads {
		h.heads.learn(head)
		t := h.known(head.BlogID)
		if t == nil {
			continue
		}
		if !t.continuedBy(head) {
			h.spawn(func(ctx context.Context) { _ = t.ask(ctx) }) // the next poll asks again
			continue
		}
		t.learn(head, 0)
	}
}

func (h *Hub) known(blogID uuid.UUID) *topic {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.topics[blogID]
}

// ask reads the blog's head from the database, once for all who ask at the same
// time, and lets the topic learn from it. When the database holds another history
// than what was told, as a backup does that was put back, a new epoch begins first.
func (t *topic) ask(ctx context.Context) error {
	_, err, _ := t.hub.loads.Do("head "+t.blogID.String(), func() (any, error) {
		asked := t.head()
		head, err := t.hub.loadHead(ctx, t.blogID)
		if err == nil && t.replacedBy(head, asked) {
			head, err = t.renewed(ctx)
		}
		if errors.Is(err, liveblog.ErrNotFound) {
			head, err = liveblog.Head{BlogID: t.blogID, Chain: liveblog.Genesis}, nil // a backup from before the blog
		}
		if err == nil {
			t.learn(head, asked)
		}
		return nil, err
	})
	return err
}

// renewed has a new epoch begun and reads the head in it.
func (t *topic) renewed(ctx context.Context) (liveblog.Head, error) {
	if err := t.hub.log.RenewEpochs(context.WithoutCancel(ctx), t.told()); err != nil {
		return liveblog.Head{}, err
	}
	return t.hub.loadHead(ctx, t.blogID)
}

func (h *Hub) loadHead(ctx context.Context, blogID uuid.UUID) (liveblog.Head, error) {
	ctx = liveblog.WithAnonymous(context.WithoutCancel(ctx), false) // one read for all who ask
	heads, err := h.log.Heads(ctx, []uuid.UUID{blogID})
	if err != nil {
		return liveblog.Head{}, err
	}
	if len(heads) == 0 {
		return liveblog.Head{}, liveblog.ErrNotFound
	}
	h.heads.learn(heads[0])
	return heads[0], nil
}

// enter finds the topic of a blog and counts readers in.
func (h *Hub) enter(ctx context.Context, blogID uuid.UUID, readers int) (*topic, error) {
	for {
		t, err := h.topicOf(ctx, blogID)
		if err != nil || t.join(readers) {
			return t, err
		}
	}
}

// topicOf finds or begins the topic of a blog. The first reader waits for one
// read of the blog's head, and those who come meanwhile for the same one.
func (h *Hub) topicOf(ctx context.Context, blogID uuid.UUID) (*topic, error) {
	if t := h.known(blogID); t != nil {
		return t, nil
	}
	t, err, _ := h.loads.Do("topic "+blogID.String(), func() (any, error) {
		head, err := h.loadHead(ctx, blogID)
		if err != nil {
			return nil, err
		}
		return h.begin(head), nil
	})
	if err != nil {
		return nil, err
	}
	return t.(*topic), nil
}

func (h *Hub) begin(head liveblog.Head) *topic {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t := h.topics[head.BlogID]; t != nil {
		return t
	}
	t := newTopic(h, head)
	h.topics[head.BlogID] = t
	return t
}

// Readers tells how many streams are open on each watched blog of this node.
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

// Streams tells how many streams and long polls are open on this node.
func (h *Hub) Streams() int { return h.limits.open() }

// Drain asks all readers to go, each at a random moment within a window that
// grows with their number, and returns when they have or ctx ends.
func (h *Hub) Drain(ctx context.Context) {
	h.mu.Lock()
	h.leave = time.Now().Add(drainWindow(h.limits.open()))
	close(h.draining)
	h.mu.Unlock()
	h.wakeLoops()
	h.limits.wait(ctx)
}

// drainWindow spreads the readers who go over 5 s, and at most 2,000 of them
// over one second; a few are sent on sooner.
func drainWindow(streams int) time.Duration {
	few := time.Duration(streams) * 100 * time.Millisecond
	many := time.Duration(streams) * time.Second / 2000
	return min(max(min(few, 5*time.Second), many), 30*time.Second)
}

// leaveBy is the end of the drain's window.
func (h *Hub) leaveBy() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.leave
}

// farewell is how much longer than the drain's window a reader may take for what
// it is behind. Then its connection ends without a goodbye: it resumes elsewhere
// all the same, while a node that waited for the slowest would hold up a deployment.
const farewell = 2 * time.Second

// farewellOver reports whether a node that leaves waits for slow readers no more.
func (h *Hub) farewellOver() bool {
	return h.Draining() && time.Now().After(h.leaveBy().Add(farewell))
}

// Draining reports whether the node is leaving.
func (h *Hub) Draining() bool {
	select {
	case <-h.draining:
		return true
	default:
		return false
	}
}
