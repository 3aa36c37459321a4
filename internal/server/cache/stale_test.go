package cache

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/server/problem"
)

func one(int) int { return 1 }

var ignorant = Knowledge[int]{}

func TestStale_IsBounded(t *testing.T) {
	cache := NewStale(10, func(size int) int { return size }, ignorant)
	for i, size := range []int{4, 4, 3, 4, 20, 1} {
		if _, err := cache.Get(fmt.Sprint(i), func() (int, error) { return size, nil }); err != nil {
			t.Fatal(err)
		}
		sum := 0
		for _, e := range cache.entries {
			sum += e.value
		}
		if sum != cache.total || sum > 10 && len(cache.entries) > 1 {
			t.Errorf("after %d: %d in %d entries, counted %d", i, sum, len(cache.entries), cache.total)
		}
	}
}

func TestStale_ReadsOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		newest := 1
		cache := NewStale(2, one, Knowledge[int]{Outdated: func(seen int) bool { return seen < newest }})
		reads, fail := 0, error(nil)
		get := func(key string) (int, error) {
			return cache.Get(key, func() (int, error) { reads++; return newest, fail })
		}
		expect := func(what string, value, sum int) {
			t.Helper()
			if got, err := get("a"); got != value || err != nil || reads != sum {
				t.Errorf("%s: %d, %v after %d reads; want %d after %d", what, got, err, reads, value, sum)
			}
		}
		expect("at first", 1, 1)
		expect("at once again", 1, 1)
		newest = 2
		expect("when more is known", 2, 2)
		time.Sleep(freshFor)
		expect("a second later", 2, 3)
		time.Sleep(freshFor)
		fail = fmt.Errorf("%w: no answer", liveblog.ErrUnavailable)
		expect("while the database is away", 2, 4)
		expect("without waiting for it again", 2, 4)
		time.Sleep(staleFor)
		if _, err := get("a"); !errors.Is(err, liveblog.ErrUnavailable) {
			t.Errorf("after long: %v", err)
		}
		fail = liveblog.ErrGone
		if _, err := get("a"); !errors.Is(err, liveblog.ErrGone) {
			t.Errorf("taken back: %v", err)
		}
		fail = fmt.Errorf("%w: no answer", liveblog.ErrUnavailable)
		if _, err := get("a"); !errors.Is(err, liveblog.ErrUnavailable) {
			t.Errorf("taken back, and the database away: %v", err)
		}
	})
}

func TestStale_ManyAtOnceReadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := NewStale(10, one, ignorant)
		reads := 0
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				_, _ = cache.Get("a", func() (int, error) { time.Sleep(time.Second / 2); reads++; return 1, nil })
			})
		}
		all.Wait()
		if reads != 1 {
			t.Errorf("%d reads", reads)
		}
	})
}

// A request that fails late must not bring back an older entry.
func TestStale_LateFailureKeepsTheNewerEntry(t *testing.T) {
	cache := NewStale(10, one, ignorant)
	old := entry[int]{value: 1, read: time.Now()}
	cache.put("a", old)
	cache.put("a", entry[int]{value: 2, read: old.read.Add(time.Millisecond)})
	cache.backOff("a", old)
	if e := cache.entries["a"]; e.value != 2 || !e.failed.IsZero() {
		t.Errorf("%+v", e)
	}
	cache.backOff("b", old)
	if len(cache.entries) != 1 {
		t.Error("an entry that was dropped is back")
	}
}

// A database that hangs keeps nobody waiting for long who can have what was there,
// and what it answers in the end is kept.
func TestStale_HangingDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := NewStale(2, one, ignorant)
		hangs := time.Duration(0)
		get := func(value int) (int, time.Duration) {
			began := time.Now()
			got, err := cache.Get("a", func() (int, error) { time.Sleep(hangs); return value, nil })
			if err != nil {
				t.Error(err)
			}
			return got, time.Since(began)
		}
		get(1)
		time.Sleep(freshFor)
		hangs = 3 * time.Second
		if got, took := get(2); got != 1 || took != slow {
			t.Errorf("%d after %s", got, took)
		}
		time.Sleep(hangs - slow)
		synctest.Wait()
		if got, took := get(3); got != 2 || took != 0 {
			t.Errorf("in the end %d after %s", got, took)
		}
	})
}

// What is known to be taken back is given to nobody, whatever the load: neither
// while a read takes long, nor when it fails, nor in the moment after that, nor
// when the news come while somebody waits.
func TestStale_NeverGivesWhatWasTakenBack(t *testing.T) {
	away := fmt.Errorf("%w: no connection", liveblog.ErrUnavailable)
	for _, test := range []struct {
		name  string
		takes time.Duration // a read
		err   error
		news  time.Duration // when the removal is known, after the request came
	}{
		{"slow database", 3 * time.Second, nil, 0},
		{"no database", 2 * time.Second, away, 0},
		{"news during a slow read", 3 * time.Second, nil, time.Second},
		{"news before a read fails", time.Second, away, time.Second / 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var newest atomic.Int64
				newest.Store(1)
				old := func(seen int) bool { return seen < int(newest.Load()) }
				cache := NewStale(2, one, Knowledge[int]{old, old})
				if _, err := cache.Get("a", func() (int, error) { return 1, nil }); err != nil {
					t.Fatal(err)
				}
				time.Sleep(freshFor)
				if test.news == 0 {
					newest.Store(2)
				}
				time.AfterFunc(test.news, func() { newest.Store(2) })
				read := func() (int, error) { time.Sleep(test.takes); return int(newest.Load()), test.err }
				for range 3 {
					if got, err := cache.Get("a", read); got == 1 && err == nil || !errors.Is(err, test.err) {
						t.Errorf("%d, %v", got, err)
					}
				}
			})
		})
	}
}

// A request that knows of a removal must not get what another request began to read before it.
func TestStale_JoinsNoReadFromBeforeTheNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var newest atomic.Int64
		old := func(seen int) bool { return seen < int(newest.Load()) }
		cache := NewStale(2, one, Knowledge[int]{old, old})
		read := func() (int, error) { seen := newest.Load(); time.Sleep(time.Second); return int(seen), nil }
		var early sync.WaitGroup
		early.Go(func() { _, _ = cache.Get("a", read) })
		time.Sleep(time.Second / 2)
		newest.Store(1)
		if got, err := cache.Get("a", read); got != 1 || err != nil {
			t.Errorf("%d, %v", got, err)
		}
		early.Wait()
	})
}

// A panic is an error for all who wait, and logged once; the node goes on.
func TestStale_PanicIsAnError(t *testing.T) {
	var log bytes.Buffer
	old := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	defer slog.SetDefault(old)
	synctest.Test(t, func(t *testing.T) {
		cache := NewStale(2, one, ignorant)
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				_, err := cache.Get("a", func() (int, error) { time.Sleep(time.Second); panic("a template that divides by zero") })
				if p := problem.Of(t.Context(), err); p.Status != http.StatusInternalServerError {
					t.Errorf("%+v", p)
				}
			})
		}
		all.Wait()
		good := func() (int, error) { return 1, nil }
		if _, err := cache.Get("a", good); !problem.Panicked(err) {
			t.Errorf("%v at once: it would panic again", err)
		}
		time.Sleep(freshFor)
		if got, err := cache.Get("a", good); got != 1 || err != nil {
			t.Errorf("%d, %v afterwards", got, err)
		}
	})
	if n := strings.Count(log.String(), "level=ERROR"); n != 1 || !strings.Contains(log.String(), "divides by zero") {
		t.Errorf("%d errors logged:\n%s", n, &log)
	}
}

// A refusal is of one client: others that wait for the same value read it themselves, and a
// kept value is served to the refused client too.
func TestStale_OthersAreNotRefusedWithOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := NewStale(10, one, ignorant)
		var both sync.WaitGroup
		both.Go(func() {
			_, err := cache.Get("a", func() (int, error) { time.Sleep(time.Second); return 0, liveblog.ErrTooMany })
			if !errors.Is(err, liveblog.ErrTooMany) {
				t.Error(err)
			}
		})
		time.Sleep(time.Second / 2)
		if got, err := cache.Get("a", func() (int, error) { return 1, nil }); got != 1 || err != nil {
			t.Errorf("%d, %v", got, err)
		}
		both.Wait()
		time.Sleep(freshFor)
		if got, err := cache.Get("a", func() (int, error) { return 0, liveblog.ErrTooMany }); got != 1 || err != nil {
			t.Errorf("with a kept page: %d, %v", got, err)
		}
	})
}
