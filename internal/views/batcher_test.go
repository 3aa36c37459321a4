package views

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

// memoryStore counts in memory, with the faults of a database.
type memoryStore struct {
	mu    sync.Mutex
	views map[uuid.UUID]int64
	calls int
	takes time.Duration
	fail  error
	wrote bool // though it fails

	largest int // most posts of a blog in one call
	forgets bool
	readers []map[uuid.UUID]int64 // of each call
	looks   []look
}

// look is what ChangedCounts was asked for.
type look struct {
	blogs, fresh int
	since        time.Time
}

// AddViews takes its time whatever happens to ctx, but not beyond its deadline.
func (s *memoryStore) AddViews(ctx context.Context, _ uuid.UUID, counts map[uuid.UUID]map[uuid.UUID]int64, readers map[uuid.UUID]int64) (bool, error) {
	takes := s.takes
	if ends, ok := ctx.Deadline(); ok {
		takes = min(takes, time.Until(ends))
	}
	time.Sleep(takes)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.fail != nil && !s.wrote {
		return false, s.fail
	}
	for _, posts := range counts {
		s.largest = max(s.largest, len(posts))
		for post, n := range posts {
			s.views[post] += n
		}
	}
	s.readers = append(s.readers, readers)
	return !s.forgets, s.fail
}

func (s *memoryStore) ChangedCounts(_ context.Context, blogs, fresh []uuid.UUID, since time.Time) (map[uuid.UUID]liveblog.Counts, time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	s.looks = append(s.looks, look{len(blogs), len(fresh), since})
	return nil, time.Now(), nil
}

func (s *memoryStore) set(fail error, wrote bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail, s.wrote = fail, wrote
}

func (s *memoryStore) now() map[uuid.UUID]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.views)
}

// nobody reads.
type nobody struct{}

func (nobody) Readers() map[uuid.UUID]int64     { return nil }
func (nobody) Views(uuid.UUID, liveblog.Counts) {}
func beacon(blog, post uuid.UUID, token int) Beacon {
	return Beacon{BlogID: blog, Token: fmt.Sprint(token), Address: netip.MustParsePrefix("192.0.2.1/32"), Posts: []uuid.UUID{post}}
}

// fixedReaders read a number of blogs.
type fixedReaders map[uuid.UUID]int64

func (c fixedReaders) Readers() map[uuid.UUID]int64   { return maps.Clone(c) }
func (fixedReaders) Views(uuid.UUID, liveblog.Counts) {}

// readersOf are the readers of n blogs, one each.
func readersOf(n int) fixedReaders {
	c := fixedReaders{}
	for range n {
		c[uuid.New()] = 1
	}
	return c
}

// start runs a batcher until stop, which returns how long the end took.
func start(s *memoryStore) (b *Batcher, stop func() time.Duration) {
	return startFor(s, nobody{})
}

func startFor(s *memoryStore, readers ReaderCounter) (b *Batcher, stop func() time.Duration) {
	s.views = map[uuid.UUID]int64{}
	b = New(s, readers, uuid.New())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); b.Run(ctx) }()
	return b, func() time.Duration {
		began := time.Now()
		cancel()
		<-done
		return time.Since(began)
	}
}

func TestBatcher_CountsEachPageOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &memoryStore{}
		b, stop := start(s)
		blog, post := uuid.New(), uuid.New()
		for range 3 {
			b.Add(beacon(blog, post, 1))
		}
		b.Add(beacon(blog, post, 2))
		time.Sleep(2 * flushInterval)
		if n := s.now()[post]; n != 2 {
			t.Errorf("%d views after a flush, want 2", n)
		}
		b.Add(beacon(blog, post, 3))
		stop()
		if n := s.now()[post]; n != 3 {
			t.Errorf("%d views after the end, want 3", n)
		}
	})
}

func TestBatcher_DatabaseAway(t *testing.T) {
	away := fmt.Errorf("%w: connection refused", liveblog.ErrUnavailable)
	unknown := fmt.Errorf("%w: commit", liveblog.ErrUnknownOutcome)
	for name, c := range map[string]struct {
		fail  error
		wrote bool
		want  int64
	}{
		"away":                        {away, false, 1},
		"written, the answer lost":    {unknown, true, 1},
		"not written, who could know": {unknown, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &memoryStore{}
				b, stop := start(s)
				defer stop()
				s.set(c.fail, c.wrote)
				post := uuid.New()
				b.Add(beacon(uuid.New(), post, 1))
				time.Sleep(flushInterval + flushInterval/2)
				s.set(nil, false)
				time.Sleep(2 * flushInterval)
				if n := s.now()[post]; n != c.want {
					t.Errorf("%d views, want %d", n, c.want)
				}
			})
		})
	}
}

// With the database away the node leaves in time, however many blogs wait.
func TestBatcher_StopsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &memoryStore{takes: 2 * time.Second, fail: liveblog.ErrUnavailable}
		b, stop := start(s)
		for i := range 100 {
			b.Add(beacon(uuid.New(), uuid.New(), i))
		}
		time.Sleep(flushInterval + flushInterval/2)
		if took := stop(); took > lastFlush+s.takes { // of the flush that is under way
			t.Errorf("the end took %v", took)
		}
	})
}

// What is over an address's limit is not remembered either.
func TestBatcher_LimitOfAnAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(&memoryStore{}, nobody{}, uuid.New())
		blog, post := uuid.New(), uuid.New()
		for i := range perMinute + 10 {
			b.Add(beacon(blog, post, i))
		}
		if n := b.pending[blog][post]; n != perMinute || len(b.seen) != perMinute {
			t.Errorf("%d views count, %d are remembered", n, len(b.seen))
		}
	})
}

// What can't be written when the node stops is tried again, not given up.
func TestBatcher_LastFlushIsTriedUntilItsTimeIsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &memoryStore{}
		b, stop := start(s)
		s.set(liveblog.ErrUnavailable, false)
		blog, post := uuid.New(), uuid.New()
		for i := range 100 {
			b.Add(beacon(blog, post, i))
		}
		time.AfterFunc(4500*time.Millisecond, func() { s.set(nil, false) })
		if took := stop(); took > lastFlush || s.now()[post] != 100 {
			t.Errorf("%d of 100 views after %v", s.now()[post], took)
		}
	})
}

// A flush that is under way when the node stops is not cut off.
func TestBatcher_StopsDuringAFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &memoryStore{takes: 2 * time.Second}
		b, stop := start(s)
		post := uuid.New()
		b.Add(beacon(uuid.New(), post, 1))
		time.Sleep(flushInterval + flushInterval/2)
		b.Add(beacon(uuid.New(), post, 2))
		stop()
		if n := s.now()[post]; n != 2 {
			t.Errorf("%d views, want 2", n)
		}
	})
}

// Silent blogs cost a node a word of life every two seconds and a look each
// second, however many they are.
func TestBatcher_SilentBlogsCostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &memoryStore{}
		_, stop := startFor(s, readersOf(3000))
		time.Sleep(20*time.Second + flushInterval/2)
		synctest.Wait()
		if s.calls > 31 || len(s.readers[0]) != 3000 {
			t.Errorf("%d calls in 20 s, the first with %d blogs", s.calls, len(s.readers[0]))
		}
		for _, readers := range s.readers[1:] {
			if len(readers) != 0 {
				t.Errorf("%d blogs were written again, though nothing had changed", len(readers))
			}
		}
		for i, l := range s.looks[1:] {
			if l.blogs != 3000 || l.fresh != 0 || l.since.IsZero() {
				t.Errorf("look %d asked for %+v", i+1, l)
			}
		}
		stop()
	})
}

// After a crash of the database, which loses what the node wrote, all is written again.
func TestBatcher_ForgottenNodeSaysAllAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &memoryStore{}
		_, stop := startFor(s, readersOf(3))
		defer stop()
		time.Sleep(2*flushInterval + flushInterval/2)
		s.mu.Lock()
		s.forgets, s.readers = true, nil
		s.mu.Unlock()
		time.Sleep(3 * flushInterval)
		synctest.Wait()
		if len(s.readers) < 2 || len(s.readers[0]) != 0 || len(s.readers[1]) != 3 {
			t.Errorf("the node wrote %v, want a sign of life and then all", s.readers)
		}
	})
}

// What piled up while the database was away is written in parts.
func TestBatcher_WritesInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &memoryStore{}
		b, stop := start(s)
		blog := uuid.New()
		for range maxFlush/10 + 1 {
			var posts []uuid.UUID
			for range 25 {
				posts = append(posts, uuid.New())
			}
			b.Add(Beacon{BlogID: blog, Token: uuid.NewString(), Address: netip.PrefixFrom(netip.AddrFrom16([16]byte(uuid.New())), 64), Posts: posts})
		}
		stop()
		if want := (maxFlush/10 + 1) * 25; len(s.views) != want || s.largest > maxFlush {
			t.Errorf("%d posts are counted, want %d; at most %d at once", len(s.views), want, s.largest)
		}
	})
}

// changingReaders read one blog; their number changes.
type changingReaders struct{ readers atomic.Int64 }

func (g *changingReaders) Readers() map[uuid.UUID]int64 {
	return map[uuid.UUID]int64{{1}: g.readers.Load()}
}
func (g *changingReaders) Views(uuid.UUID, liveblog.Counts) {}

// During a burst the connected readers do not get the number of each second; they
// do when it is over, or lasts.
func TestBatcher_SendsCountsAfterABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, s := &changingReaders{}, &memoryStore{}
		_, stop := startFor(s, g)
		defer stop()
		<-time.After(flushInterval / 2) // between two reads
		for i, step := range []struct {
			readers int64
			looks   int
		}{{100, 1}, {110, 2}, {5_000, 2}, {10_000, 2}, {10_300, 3}, {10_400, 4}, {12_000, 4}, {14_000, 4}, {16_000, 5}, {15_000, 6}, {9_000, 6}, {9_000, 7}} {
			g.readers.Store(step.readers)
			<-time.After(flushInterval)
			s.mu.Lock()
			if got := len(s.looks); got != step.looks {
				t.Errorf("after %d s, with %d readers: looked %d times, want %d", i+1, step.readers, got, step.looks)
			}
			s.mu.Unlock()
		}
	})
}
