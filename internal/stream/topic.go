package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

// fetchLimit is how many events one read of the log brings.
const fetchLimit = 256

// topic is what a node knows of one blog: the ring of its newest frames and
// how many readers there are.
type topic struct {
	hub    *Hub
	blogID uuid.UUID

	mu         sync.Mutex
	ring       ring
	epoch      string
	status     liveblog.BlogStatus
	lowSeq     int64 // events up to here are pruned
	generation int   // counts the times that history began anew
	reason     string
	changed    chan struct{} // closed, and made anew, with every change
	target     int64         // where the log goes to, as far as we heard
	confirmed  int64         // where it goes to at least, as the database said
	fetching   bool
	counts     counts
	news       atomic.Uint64 // counts the changes
	readers    int
	desks      int      // streams of those who work on the blog
	groups     []waiter // of readers on the fast path, told of changes
	idleSince  time.Time
	gone       bool // no longer the hub's: takes no readers

	about liveblog.Event // the newest one of the blog itself, its pinned post as it is now; of fetch alone
}

func newTopic(h *Hub, head liveblog.Head) *topic {
	t := &topic{hub: h, blogID: head.BlogID, changed: make(chan struct{}), idleSince: time.Now()}
	t.ring.reset(head.LastSeq, head.Chain)
	t.epoch, t.status, t.lowSeq = head.Epoch, head.Status, head.LowSeq
	t.target, t.confirmed = head.LastSeq, head.LastSeq
	return t
}

// broadcast wakes all who wait for the topic; t.mu is held.
func (t *topic) broadcast() {
	t.news.Add(1)
	close(t.changed)
	t.changed = make(chan struct{})
	for _, g := range t.groups {
		g.notify()
	}
}

// waiter is told when something is due to its readers; it must not wait itself.
type waiter interface{ notify() }

func (t *topic) enlist(g waiter) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.groups = append(t.groups, g)
}

func (t *topic) forget(g waiter) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.groups = slices.DeleteFunc(t.groups, func(other waiter) bool { return other == g })
}

// wake notes that the log goes to seq and fetches what is missing.
func (t *topic) wake(seq int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if seq <= t.target {
		return
	}
	t.target = seq
	t.startFetch()
}

// startFetch makes sure that one fetch is under way; t.mu is held.
func (t *topic) startFetch() {
	if t.fetching || t.ring.head >= t.target {
		return
	}
	t.fetching = t.hub.spawn(t.fetch)
}

// fetch reads the log until the ring has all we heard of. After a failure it
// leaves the rest to the next look at the heads, at most a second later.
func (t *topic) fetch(ctx context.Context) {
	for {
		from, chain, missing := t.missing()
		if !missing {
			return
		}
		events, err := t.hub.log.EventsAfter(ctx, t.blogID, from, fetchLimit)
		if err == nil && len(events) == 0 {
			err = fmt.Errorf("the log ends at %d", from)
		}
		if err == nil {
			err = t.append(from, chain, events)
		}
		if errors.Is(err, errReplaced) {
			err = t.startOver(ctx, err)
		}
		if err != nil {
			t.abandon(ctx, err)
			return
		}
	}
}

// missing tells where to read on, or ends the fetch.
func (t *topic) missing() (from int64, chain liveblog.Chain, missing bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fetching = t.ring.head < t.target
	return t.ring.head, t.ring.chainAt(t.ring.head), t.fetching
}

// errReplaced is a log that does not go on from what was told of it.
var errReplaced = errors.New("the log holds another history than the one that was told")

// startOver has a new epoch begun for a log that does not go on from the ring. cause
// stays the error if the history is the same after all.
func (t *topic) startOver(ctx context.Context, cause error) error {
	before := t.generationNow()
	head, err := t.renewed(ctx)
	if err != nil {
		return err
	}
	if t.learn(head, 0); t.generationNow() == before {
		return cause
	}
	return nil
}

// abandon ends a fetch that failed, so that the next news begins another.
func (t *topic) abandon(ctx context.Context, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fetching, t.target = false, t.ring.head
	if ctx.Err() == nil {
		slog.WarnContext(ctx, "fetch events", "blog", t.blogID, "after", t.ring.head, "error", err)
	}
}

// append renders events and puts them into the ring, and gives the earlier frames
// of what they are about the newer content, unless history began anew while they
// were read. It renders without the lock, for which all readers wait. What an event
// costs does not grow with the number of those before it.
func (t *topic) append(from int64, chain liveblog.Chain, events []liveblog.Event) error {
	for i, ev := range events {
		if ev.Seq != from+int64(i)+1 {
			return fmt.Errorf("the log of blog %s has %d after %d", t.blogID, ev.Seq, from+int64(i))
		}
		if chain = chain.Next(ev); chain != ev.Chain {
			return fmt.Errorf("blog %s at %d: %w", t.blogID, ev.Seq, errReplaced)
		}
	}
	frames, err := t.hub.frames(events, math.MaxInt)
	if err != nil {
		return err
	}
	newest := contents(frames)
	if err := t.noteBlog(events, newest); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ring.head == from {
		for subject, c := range newest {
			t.ring.renew(subject, c)
		}
		t.add(events, frames)
	}
	return nil
}

// add puts frames into the ring and wakes the readers; t.mu is held.
func (t *topic) add(events []liveblog.Event, frames []*Frame) {
	for i, ev := range events {
		t.ring.add(frames[i])
		if ev.Blog != nil {
			t.status = ev.Blog.Status
		}
	}
	t.target = max(t.target, t.ring.head)
	t.hub.metrics.Fetched(len(frames))
	t.broadcast()
}

// contents finds what frames tell of each subject. Events that were read together
// are equally new, but a deletion tells of itself.
func contents(frames []*Frame) map[uuid.UUID]*content {
	newest := map[uuid.UUID]*content{}
	for _, f := range frames {
		if newest[f.subject] == nil || f.event != liveblog.EventDelete {
			newest[f.subject] = f.content
		}
	}
	return newest
}

// noteBlog remembers the newest event of the blog itself, which carries its pinned
// post. When that post is told anew, the blog is, too.
func (t *topic) noteBlog(events []liveblog.Event, newest map[uuid.UUID]*content) error {
	posts := map[uuid.UUID]*liveblog.Post{}
	for _, ev := range events {
		if ev.Type == liveblog.EventBlog {
			t.about = ev
		} else {
			posts[subject(ev)] = ev.Post
		}
	}
	if newest[uuid.Nil] != nil || t.about.Pinned == nil || posts[t.about.Pinned.ID] == nil {
		return nil
	}
	t.about.Pinned = posts[t.about.Pinned.ID]
	c, err := newContent(t.about, t.hub.encode)
	newest[uuid.Nil] = c
	return err
}

// learn compares the topic with the head that the database reports. asked is
// the ring's head from before the question: a head below that means that history
// was rewound, while one below the ring's present head may just be old news.
func (t *topic) learn(head liveblog.Head, asked int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case head.Epoch != t.epoch:
		t.restart(head, reasonEpoch)
	case head.LastSeq < asked:
		t.restart(head, reasonAhead)
	default:
		t.catchUp(head)
	}
}

// replacedBy reports whether a head, which was asked for when the ring ended at
// asked, is of another history, though its epoch is the same.
func (t *topic) replacedBy(head liveblog.Head, asked int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return head.Epoch == t.epoch && (head.LastSeq < asked || t.contradicts(head))
}

// contradicts reports whether the ring holds another event where a head says that
// the log ends or ended; t.mu is held.
func (t *topic) contradicts(head liveblog.Head) bool {
	held := t.ring.chainAt(head.LastSeq)
	return held != "" && head.Chain != "" && held != head.Chain
}

// told names what this node has told of the log.
func (t *topic) told() liveblog.Head {
	t.mu.Lock()
	defer t.mu.Unlock()
	return liveblog.Head{BlogID: t.blogID, Epoch: t.epoch, LastSeq: t.ring.head, Chain: t.ring.chainAt(t.ring.head)}
}

func (t *topic) catchUp(head liveblog.Head) {
	t.lowSeq = head.LowSeq
	if t.ring.head == head.LastSeq && t.status != head.Status {
		t.status = head.Status
		t.broadcast()
	}
	t.target, t.confirmed = max(t.target, head.LastSeq), max(t.confirmed, head.LastSeq)
	t.startFetch()
}

// restart begins another history: all readers will be told to start again.
func (t *topic) restart(head liveblog.Head, reason string) {
	t.generation++
	t.reason = reason
	t.epoch, t.status, t.lowSeq = head.Epoch, head.Status, head.LowSeq
	t.ring.reset(head.LastSeq, head.Chain)
	t.target, t.confirmed = head.LastSeq, head.LastSeq
	t.broadcast()
}

// continuedBy reports whether a head belongs to the topic's history and is not
// behind the ring.
func (t *topic) continuedBy(head liveblog.Head) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return head.Epoch == t.epoch && head.LastSeq >= t.ring.head && !t.contradicts(head)
}

func (t *topic) head() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ring.head
}

// join counts readers in or out. It reports false for a topic that was let go
// after the reader found it: no news would reach it there.
func (t *topic) join(delta int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.gone {
		return false
	}
	t.readers += delta
	t.idleSince = time.Now()
	return true
}

// countDesks counts those who work on the blog in or out. Whoever found the topic a
// moment ago finds it there: it is kept for longer.
func (t *topic) countDesks(delta int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.desks += delta
	t.idleSince = time.Now()
}

// letGo ends a topic that nobody has read for a while, and reports whether it did.
func (t *topic) letGo(idle time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.gone = t.readers+t.desks == 0 && !t.fetching && time.Since(t.idleSince) > idle
	return t.gone
}
