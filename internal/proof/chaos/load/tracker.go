package load

import (
	"context"
	"slices"
	"sort"
	"sync"
	"time"

	"dateline/internal/wait"
)

// Tracker knows which writes were acknowledged and when each healthy reader saw
// their events: what recovery and delays are measured by. It may be used by many
// goroutines. A nil Tracker takes everything and knows nothing.
type Tracker struct {
	born time.Time // the zero of all times in it

	mu        sync.Mutex
	blogs     map[string]*course
	followers map[*Follower]bool // whether they are still there
}

// course is what was written to a blog.
type course struct {
	mu         sync.RWMutex
	writes     []written // by seq
	publishers int       // at work now
}

// written is an acknowledged write; its times are zero when there was none.
type written struct{ began, acked stamp }

// stamp is a time in steps of 10 µs since the tracker's birth: small, since there
// are millions. It lasts for half a day.
type stamp uint32

const step = 10 * time.Microsecond

// Follower is what a Tracker knows of one healthy reader.
type Follower struct {
	tracker *Tracker
	blog    string
	course  *course

	mu     sync.Mutex
	sights []sight // by time
	old    int64   // events up to here are old news for it
	last   int64
}

type sight struct {
	seq uint32
	at  stamp
}

// NewTracker makes a tracker that knows nothing yet.
func NewTracker() *Tracker {
	return &Tracker{born: time.Now().Add(-step), blogs: map[string]*course{}, followers: map[*Follower]bool{}}
}

func (t *Tracker) stamp(at time.Time) stamp { return stamp(max(0, at.Sub(t.born)) / step) }

func (t *Tracker) time(s stamp) time.Time { return t.born.Add(time.Duration(s) * step) }

func (t *Tracker) course(blog string) *course {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.blogs[blog] == nil {
		t.blogs[blog] = &course{}
	}
	return t.blogs[blog]
}

// Publishing says that somebody publishes on a blog, until done is called: only
// there can readers be expected to see anything.
func (t *Tracker) Publishing(blog string) (done func()) {
	if t == nil {
		return func() {}
	}
	c := t.course(blog)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.publishers++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.publishers--
	}
}

// Acked says that a write which began at a time was acknowledged now.
func (t *Tracker) Acked(blog string, seq int64, began time.Time) {
	if t == nil || seq <= 0 {
		return
	}
	acked := time.Now()
	c := t.course(blog)
	c.mu.Lock()
	defer c.mu.Unlock()
	if missing := int(seq) + 1 - len(c.writes); missing > 0 {
		c.writes = append(c.writes, make([]written, missing)...)
	}
	c.writes[seq] = written{began: t.stamp(began), acked: t.stamp(acked)}
}

// Follow adds a healthy reader of a blog.
func (t *Tracker) Follow(blog string) *Follower {
	if t == nil {
		return nil
	}
	f := &Follower{tracker: t, blog: blog, course: t.course(blog)}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.followers[f] = true
	return f
}

// Leave says that the reader has gone for good: nothing is owed to it any more.
func (f *Follower) Leave() {
	if f == nil {
		return
	}
	f.tracker.mu.Lock()
	defer f.tracker.mu.Unlock()
	f.tracker.followers[f] = false
}

// Knows says that events up to seq are old news: the reader was not there, of its
// own will, when they were.
func (f *Follower) Knows(seq int64) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.old = max(f.old, seq)
}

// StartsAgain says that a reset sent the reader to seq.
func (f *Follower) StartsAgain(seq int64) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.old, f.last = seq, seq
}

// Saw says that the reader saw an event.
func (f *Follower) Saw(seq int64, at time.Time) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = max(f.last, seq)
	if seq > f.old {
		f.sights = append(f.sights, sight{uint32(seq), f.tracker.stamp(at)})
	}
}

// from gives the sights from a time on; f.mu is held. It is sound to read them
// later: they are only added to.
func (f *Follower) from(s stamp) []sight {
	i := sort.Search(len(f.sights), func(i int) bool { return f.sights[i].at >= s })
	return f.sights[i:]
}

// write gives the write of an event, if it was acknowledged; c.mu is held.
func (c *course) write(seq uint32) (written, bool) {
	if int64(seq) >= int64(len(c.writes)) {
		return written{}, false
	}
	w := c.writes[seq]
	return w, w.acked > 0
}

// awaitStep is how often Await looks; what it finds is exact all the same.
const awaitStep = 20 * time.Millisecond

// Await returns when every healthy reader has seen an event whose write began
// after a moment and was acknowledged, and tells when the last of them saw its
// first. It asks about these blogs, or all that somebody publishes on.
func (t *Tracker) Await(ctx context.Context, after time.Time, blogs ...string) (recovered time.Time, err error) {
	for {
		if recovered, all := t.recovered(after, blogs); all {
			return recovered, nil
		}
		if !wait.For(ctx, awaitStep) {
			return time.Time{}, ctx.Err()
		}
	}
}

// AwaitNewest returns when every healthy reader of these blogs has come to the
// newest event whose write began after a moment. Unlike Await it also counts what
// is old news for a reader who was away of its own will.
func (t *Tracker) AwaitNewest(ctx context.Context, after time.Time, blogs ...string) error {
	for !t.arrived(t.stamp(after), blogs) {
		if !wait.For(ctx, awaitStep) {
			return ctx.Err()
		}
	}
	return nil
}

func (t *Tracker) arrived(after stamp, blogs []string) bool {
	readers := t.healthy(blogs)
	for _, f := range readers {
		newest, known := f.course.newest(after)
		if !known || f.position() < newest {
			return false
		}
	}
	return len(readers) > 0
}

// newest finds the newest acknowledged event whose write began after a moment.
func (c *course) newest(after stamp) (seq int64, known bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for seq = int64(len(c.writes)) - 1; seq > 0; seq-- {
		if w := c.writes[seq]; w.acked > 0 && w.began >= after {
			return seq, true
		}
	}
	return 0, false
}

// position is the newest event that the reader was told of.
func (f *Follower) position() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}

func (t *Tracker) recovered(after time.Time, blogs []string) (last time.Time, all bool) {
	readers := 0
	for _, f := range t.healthy(blogs) {
		first, seen := f.firstAfter(t.stamp(after))
		if !seen {
			return last, false
		}
		readers++
		if at := t.time(first); at.After(last) {
			last = at
		}
	}
	return last, readers > 0
}

// healthy lists the readers of these blogs, or of all that are published on.
func (t *Tracker) healthy(blogs []string) []*Follower {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []*Follower
	for f, there := range t.followers {
		if there && (slices.Contains(blogs, f.blog) || len(blogs) == 0 && f.course.published()) {
			out = append(out, f)
		}
	}
	return out
}

func (c *course) published() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.publishers > 0
}

// firstAfter is when the reader first saw an event whose write began after s.
func (f *Follower) firstAfter(s stamp) (stamp, bool) {
	f.mu.Lock()
	sights := f.from(s)
	f.mu.Unlock()
	f.course.mu.RLock()
	defer f.course.mu.RUnlock()
	for _, seen := range sights {
		if w, known := f.course.write(seen.seq); known && w.began > s && seen.at >= w.began {
			return seen.at, true
		}
	}
	return 0, false
}
