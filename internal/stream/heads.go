package stream

import (
	"maps"
	"slices"
	"sync"
	"time"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

const (
	// maxHeads bounds how many blogs' heads each generation of the cache holds.
	maxHeads = 1 << 16
	// maxRequested bounds how many blogs without a stream are polled each second.
	maxRequested = 4096
	// headTrust is how long a reported head is believed against the database, which
	// may have answered an older query.
	headTrust = 5 * time.Second
)

// headCache keeps how far the logs of blogs go, according to notifications, own
// commits and the database, whether a blog has readers or not: what was read before
// must not be shown after a removal. It keeps the blogs used last, in two generations.
type headCache struct {
	mu         sync.Mutex
	young, old map[uuid.UUID]*cachedHead
}

// cachedHead is how far one blog's log goes.
type cachedHead struct {
	epoch     string // "" while only notifications reported the blog
	seq       int64
	since     time.Time // when seq was reported first
	requested time.Time // when a page of the blog was last requested
}

func newHeadCache() *headCache { return &headCache{young: map[uuid.UUID]*cachedHead{}} }

// entry finds or makes the entry of a blog. The caller holds c.mu.
func (c *headCache) entry(blogID uuid.UUID) *cachedHead {
	if e := c.young[blogID]; e != nil {
		return e
	}
	e := c.old[blogID]
	if e == nil {
		e = &cachedHead{}
	}
	if len(c.young) >= maxHeads {
		c.young, c.old = map[uuid.UUID]*cachedHead{}, c.young
	}
	c.young[blogID] = e
	return e
}

// notified takes a notification that the log goes to seq.
func (c *headCache) notified(blogID uuid.UUID, seq int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entry(blogID); seq > e.seq {
		e.seq, e.since = seq, time.Now()
	}
}

// update takes a head from the database. It may be behind another report for a
// moment, but not for long: a notification is no proof, and the log may be another
// one by now.
func (c *headCache) update(head liveblog.Head) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entry(head.BlogID)
	replaced := e.epoch != "" && e.epoch != head.Epoch
	e.epoch = head.Epoch
	if replaced || head.LastSeq > e.seq || time.Since(e.since) > headTrust {
		e.seq, e.since = head.LastSeq, time.Now()
	}
}

// request returns how far a blog's log goes, and makes the listener poll the blog
// for a while, like those with readers.
func (c *headCache) request(blogID uuid.UUID) cachedHead {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entry(blogID)
	e.requested = time.Now()
	return *e
}

func (c *headCache) seq(blogID uuid.UUID) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.young[blogID]; e != nil {
		return e.seq
	}
	if e := c.old[blogID]; e != nil {
		return e.seq
	}
	return 0
}

// addRequested adds to ids the blogs that were requested a short time ago.
func (c *headCache) addRequested(ids map[uuid.UUID]struct{}) []uuid.UUID {
	c.mu.Lock()
	defer c.mu.Unlock()
	most := len(ids) + maxRequested
	for _, generation := range []map[uuid.UUID]*cachedHead{c.young, c.old} {
		for id, e := range generation {
			if len(ids) < most && time.Since(e.requested) < idleLife {
				ids[id] = struct{}{}
			}
		}
	}
	return slices.Collect(maps.Keys(ids))
}

// Outdated reports whether this node knows of more events than a read of the blog
// up to head shows.
func (h *Hub) Outdated(head liveblog.Head) bool {
	cached := h.heads.request(head.BlogID)
	if cached.epoch != "" && cached.epoch != head.Epoch || cached.seq > head.LastSeq {
		return true
	}
	t := h.findTopic(head.BlogID)
	if t == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.epoch != head.Epoch || max(t.ring.head, t.target) > head.LastSeq || t.contradicts(head)
}

// Superseded reports whether a read of the blog up to head may show what was
// corrected or removed since. It may not if only added posts are known to have
// followed; of events that were only reported, the kind is not known.
func (h *Hub) Superseded(head liveblog.Head) bool {
	if !h.Outdated(head) {
		return false
	}
	cached, t := h.heads.request(head.BlogID), h.findTopic(head.BlogID)
	if t == nil {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.epoch != head.Epoch || t.contradicts(head) || cached.epoch != "" && cached.epoch != head.Epoch ||
		t.ring.corrected > head.LastSeq || max(t.target, cached.seq) > max(t.ring.head, head.LastSeq)
}
