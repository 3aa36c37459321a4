package stream

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

const (
	// maxKnown bounds how many blogs' heads are remembered, twice over.
	maxKnown = 1 << 16
	// maxAsked bounds how many blogs that nobody streams from are looked at each second.
	maxAsked = 4096
	// newsTrust is how long news is believed against the database, which may
	// have answered an older question.
	newsTrust = 5 * time.Second
	// newsWait is how long a reader waits for events that are known to be there, while
	// none comes.
	newsWait = time.Second
)

// knownHeads remembers how far the logs of blogs go, as bells, own commits and
// looks at the database say, whether anybody streams from the blog or not: what
// was read before must not be shown after a removal. The newest blogs are
// remembered, in two generations.
type knownHeads struct {
	mu         sync.Mutex
	young, old map[uuid.UUID]*knownHead
}

// knownHead is how far one blog's log goes.
type knownHead struct {
	epoch string // "" while only bells told of it
	seq   int64
	told  time.Time // when it was told that the log goes this far
	asked time.Time // when a page of the blog was last asked about
}

func newKnownHeads() *knownHeads { return &knownHeads{young: map[uuid.UUID]*knownHead{}} }

// of finds or begins the entry of a blog; k.mu is held.
func (k *knownHeads) of(blogID uuid.UUID) *knownHead {
	if e := k.young[blogID]; e != nil {
		return e
	}
	e := k.old[blogID]
	if e == nil {
		e = &knownHead{}
	}
	if len(k.young) >= maxKnown {
		k.young, k.old = map[uuid.UUID]*knownHead{}, k.young
	}
	k.young[blogID] = e
	return e
}

// ring notes a bell.
func (k *knownHeads) ring(blogID uuid.UUID, seq int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.of(blogID); seq > e.seq {
		e.seq, e.told = seq, time.Now()
	}
}

// learn notes what the database says. It may be behind other news for a moment,
// but not for long: a bell is no proof, and a log may be another one by now.
func (k *knownHeads) learn(head liveblog.Head) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.of(head.BlogID)
	another := e.epoch != "" && e.epoch != head.Epoch
	e.epoch = head.Epoch
	if another || head.LastSeq > e.seq || time.Since(e.told) > newsTrust {
		e.seq, e.told = head.LastSeq, time.Now()
	}
}

// ask tells how far a blog's log goes and notes that somebody wants to know:
// the log is then looked at like those that are streamed from.
func (k *knownHeads) ask(blogID uuid.UUID) knownHead {
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.of(blogID)
	e.asked = time.Now()
	return *e
}

func (k *knownHeads) seq(blogID uuid.UUID) int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.young[blogID]; e != nil {
		return e.seq
	}
	if e := k.old[blogID]; e != nil {
		return e.seq
	}
	return 0
}

// wanted adds to ids the blogs that were asked about a short time ago.
func (k *knownHeads) wanted(ids map[uuid.UUID]struct{}) []uuid.UUID {
	k.mu.Lock()
	defer k.mu.Unlock()
	most := len(ids) + maxAsked
	for _, generation := range []map[uuid.UUID]*knownHead{k.young, k.old} {
		for id, e := range generation {
			if len(ids) < most && time.Since(e.asked) < idleLife {
				ids[id] = struct{}{}
			}
		}
	}
	return slices.Collect(maps.Keys(ids))
}

// Outdated reports whether this node knows of more than a reading of the blog
// up to head shows.
func (h *Hub) Outdated(head liveblog.Head) bool {
	known := h.heads.ask(head.BlogID)
	if known.epoch != "" && known.epoch != head.Epoch || known.seq > head.LastSeq {
		return true
	}
	t := h.known(head.BlogID)
	if t == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.epoch != head.Epoch || max(t.ring.head, t.target) > head.LastSeq || t.contradicts(head)
}

// Superseded reports whether a reading of the blog up to head may hold what was
// corrected or removed since. It may not when all that is known to have happened
// since is that posts were added; of what was only heard of, that is not known.
func (h *Hub) Superseded(head liveblog.Head) bool {
	if !h.Outdated(head) {
		return false
	}
	known, t := h.heads.ask(head.BlogID), h.known(head.BlogID)
	if t == nil {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.epoch != head.Epoch || t.contradicts(head) || known.epoch != "" && known.epoch != head.Epoch ||
		t.ring.corrected > head.LastSeq || max(t.target, known.seq) > max(t.ring.head, head.LastSeq)
}

// awaitKnown returns when the ring has all that this node knows to be in the log,
// for readers who get older frames: one of those may be about to be taken back.
func (t *topic) awaitKnown(ctx context.Context, p Position) error {
	if !p.HasAfter {
		return nil
	}
	seq := t.hub.heads.seq(t.blogID)
	var late *time.Timer
	for head := int64(-1); ; {
		t.mu.Lock()
		now, changed := t.ring.head, t.changed
		t.mu.Unlock()
		if now >= seq || p.After >= now {
			return nil
		}
		t.wake(seq)
		switch {
		case late == nil:
			late = time.NewTimer(newsWait)
			defer late.Stop()
		case now > head:
			late.Reset(newsWait)
		}
		head = now
		select {
		case <-changed:
		case <-late.C:
			return errBehind
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// errBehind is what is known to be in the log but could not be read yet.
var errBehind = liveblog.Errorf(liveblog.ErrUnavailable, "behind", "the newest events can't be read at the moment; ask again")
