package stream

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

// topic is what a node knows of one blog: the ring of its newest frames, where its
// log ends, and how many readers it has.
type topic struct {
	hub    *Hub
	blogID uuid.UUID

	mu          sync.Mutex
	ring        ring
	epoch       string
	status      liveblog.BlogStatus
	lowSeq      int64 // events up to here are pruned
	generation  int   // how often another history began
	resetReason string
	changed     chan struct{} // closed, and made anew, with every change
	target      int64         // the end of the log, according to any report
	confirmed   int64         // the end of the log, at least, according to the database
	fetching    bool
	counts      counts
	changes     atomic.Uint64 // counts the changes
	readers     int
	desks       int             // streams of editors
	groups      []groupNotifier // of the connections on the fast path
	idleSince   time.Time
	evicted     bool // the hub has dropped the topic, which takes no more readers

	// blogEvent is the newest event of the blog itself, with the present content of
	// its pinned post. Only fetch uses it.
	blogEvent liveblog.Event
}

// groupNotifier is a group of connections that learns that something is due to it.
// Its method must not block.
type groupNotifier interface{ notify() }

func newTopic(h *Hub, head liveblog.Head) *topic {
	t := &topic{hub: h, blogID: head.BlogID, changed: make(chan struct{}), idleSince: time.Now()}
	t.beginHistory(head)
	return t
}

// beginHistory sets the topic to a history that ends at a head. The caller holds t.mu.
func (t *topic) beginHistory(head liveblog.Head) {
	t.epoch, t.status, t.lowSeq = head.Epoch, head.Status, head.LowSeq
	t.ring.reset(head.LastSeq, head.Chain)
	t.target, t.confirmed = head.LastSeq, head.LastSeq
}

// enter finds the topic of a blog and adds readers or desks to it.
func (h *Hub) enter(ctx context.Context, blogID uuid.UUID, readers, desks int) (*topic, error) {
	for {
		t, err := h.topicOf(ctx, blogID)
		if err != nil || t.addReaders(readers, desks) {
			return t, err
		}
	}
}

// topicOf finds or makes the topic of a blog. The first reader waits for one read of
// the blog's head, and those that come meanwhile wait for the same read.
func (h *Hub) topicOf(ctx context.Context, blogID uuid.UUID) (*topic, error) {
	if t := h.findTopic(blogID); t != nil {
		return t, nil
	}
	t, err, _ := h.loads.Do("topic "+blogID.String(), func() (any, error) {
		head, err := h.loadHead(ctx, blogID)
		if err != nil {
			return nil, err
		}
		return h.makeTopic(head), nil
	})
	if err != nil {
		return nil, err
	}
	return t.(*topic), nil
}

// findTopic is the topic of a blog, or nil.
func (h *Hub) findTopic(blogID uuid.UUID) *topic {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.topics[blogID]
}

func (h *Hub) makeTopic(head liveblog.Head) *topic {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t := h.topics[head.BlogID]; t != nil {
		return t
	}
	t := newTopic(h, head)
	h.topics[head.BlogID] = t
	return t
}

// addReaders changes the number of readers and desks. It reports false for a topic
// that was evicted after the caller found it: it gets no more events.
func (t *topic) addReaders(readers, desks int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.evicted {
		return false
	}
	t.readers += readers
	t.desks += desks
	t.idleSince = time.Now()
	return true
}

// tryEvict ends a topic that has had no reader for a while, and reports whether it
// did.
func (t *topic) tryEvict(idle time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.evicted = t.readers+t.desks == 0 && !t.fetching && time.Since(t.idleSince) > idle
	return t.evicted
}

// broadcast wakes all that wait for a change of the topic. The caller holds t.mu.
func (t *topic) broadcast() {
	t.changes.Add(1)
	close(t.changed)
	t.changed = make(chan struct{})
	for _, g := range t.groups {
		g.notify()
	}
}

func (t *topic) addGroup(g groupNotifier) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.groups = append(t.groups, g)
}

func (t *topic) removeGroup(g groupNotifier) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.groups = slices.DeleteFunc(t.groups, func(other groupNotifier) bool { return other == g })
}

// loadHead reads the head of a blog from the database.
func (h *Hub) loadHead(ctx context.Context, blogID uuid.UUID) (liveblog.Head, error) {
	ctx = liveblog.WithAnonymous(context.WithoutCancel(ctx), false) // one read for all that ask
	heads, err := h.log.Heads(ctx, []uuid.UUID{blogID})
	if err != nil {
		return liveblog.Head{}, err
	}
	if len(heads) == 0 {
		return liveblog.Head{}, liveblog.ErrNotFound
	}
	h.heads.update(heads[0])
	return heads[0], nil
}

// refreshHead reads the blog's head from the database, once for all that ask at the
// same time, and applies it. When the database holds another history than the one
// that was sent, as a restored backup does, a new epoch begins first.
func (t *topic) refreshHead(ctx context.Context) error {
	_, err, _ := t.hub.loads.Do("head "+t.blogID.String(), func() (any, error) {
		before := t.head()
		head, err := t.hub.loadHead(ctx, t.blogID)
		if err == nil && t.replacedBy(head, before) {
			head, err = t.renewEpoch(ctx)
		}
		if errors.Is(err, liveblog.ErrNotFound) {
			head, err = liveblog.Head{BlogID: t.blogID, Chain: liveblog.Genesis}, nil // a backup from before the blog
		}
		if err == nil {
			t.applyHead(head, before)
		}
		return nil, err
	})
	return err
}

// renewEpoch begins a new epoch and reads the head in it.
func (t *topic) renewEpoch(ctx context.Context) (liveblog.Head, error) {
	if err := t.hub.log.RenewEpochs(context.WithoutCancel(ctx), t.sentHead()); err != nil {
		return liveblog.Head{}, err
	}
	return t.hub.loadHead(ctx, t.blogID)
}

// applyHead compares the topic with a head from the database. before is the ring's
// head from before the query: a head below that means that history was rewound, while
// one below the present head of the ring may only be old.
func (t *topic) applyHead(head liveblog.Head, before int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case head.Epoch != t.epoch:
		t.restart(head, reasonEpoch)
	case head.LastSeq < before:
		t.restart(head, reasonAhead)
	default:
		t.advanceTarget(head)
	}
}

// restart begins another history: all readers are sent a reset.
func (t *topic) restart(head liveblog.Head, reason string) {
	t.generation++
	t.resetReason = reason
	t.beginHistory(head)
	t.broadcast()
}

// advanceTarget follows the same history to a head.
func (t *topic) advanceTarget(head liveblog.Head) {
	t.lowSeq = head.LowSeq
	if t.ring.head == head.LastSeq && t.status != head.Status {
		t.status = head.Status
		t.broadcast()
	}
	t.target, t.confirmed = max(t.target, head.LastSeq), max(t.confirmed, head.LastSeq)
	t.startFetch()
}

// replacedBy reports whether a head, which was queried when the ring ended at before,
// is of another history, though its epoch is the same.
func (t *topic) replacedBy(head liveblog.Head, before int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return head.Epoch == t.epoch && (head.LastSeq < before || t.contradicts(head))
}

// continuedBy reports whether a head belongs to the topic's history and is not
// behind the ring.
func (t *topic) continuedBy(head liveblog.Head) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return head.Epoch == t.epoch && head.LastSeq >= t.ring.head && !t.contradicts(head)
}

// contradicts reports whether the ring holds another event where a head says that
// the log ends or ended. The caller holds t.mu.
func (t *topic) contradicts(head liveblog.Head) bool {
	held := t.ring.chainAt(head.LastSeq)
	return held != "" && head.Chain != "" && held != head.Chain
}

// sentHead is the end of the log that this node has sent to its readers.
func (t *topic) sentHead() liveblog.Head {
	t.mu.Lock()
	defer t.mu.Unlock()
	return liveblog.Head{BlogID: t.blogID, Epoch: t.epoch, LastSeq: t.ring.head, Chain: t.ring.chainAt(t.ring.head)}
}

func (t *topic) head() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ring.head
}

func (t *topic) currentGeneration() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.generation
}
