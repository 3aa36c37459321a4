package views

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"sync"
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
}

func (s *memoryStore) AddViews(_ context.Context, _, _ uuid.UUID, counts map[uuid.UUID]int64, _ int64) error {
	time.Sleep(s.takes) // whatever the context says: a transaction has a deadline of its own
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.fail != nil && !s.wrote {
		return s.fail
	}
	for post, n := range counts {
		s.views[post] += n
	}
	return s.fail
}

func (s *memoryStore) Counts(context.Context, []uuid.UUID, bool) (map[uuid.UUID]liveblog.Counts, error) {
	return nil, nil
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

// start runs a batcher until stop, which returns how long the end took.
func start(s *memoryStore) (b *Batcher, stop func() time.Duration) {
	s.views = map[uuid.UUID]int64{}
	b = New(s, nobody{}, uuid.New())
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
		if took := stop(); took > lastFlush {
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
