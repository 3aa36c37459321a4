package server

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dateline/internal/liveblog"
)

func one(int) int { return 1 }

func TestRecent_IsBounded(t *testing.T) {
	cache := newRecent(10, func(size int) int { return size }, func(int) bool { return false })
	for i, size := range []int{4, 4, 3, 4, 20, 1} {
		if _, err := cache.get(fmt.Sprint(i), func() (int, error) { return size, nil }); err != nil {
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

func TestRecent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		newest := 1
		cache := newRecent(2, one, func(seen int) bool { return seen < newest })
		reads, fail := 0, error(nil)
		get := func(key string) (int, error) {
			return cache.get(key, func() (int, error) { reads++; return newest, fail })
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
		time.Sleep(recentLife)
		expect("a second later", 2, 3)
		time.Sleep(recentLife)
		fail = fmt.Errorf("%w: no answer", liveblog.ErrUnavailable)
		expect("while the database is away", 2, 4)
		expect("without waiting for it again", 2, 4)
		time.Sleep(staleLife)
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

func TestRecent_ManyAtOnceReadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := newRecent(10, one, func(int) bool { return false })
		reads := 0
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				_, _ = cache.get("a", func() (int, error) { time.Sleep(time.Second / 2); reads++; return 1, nil })
			})
		}
		all.Wait()
		if reads != 1 {
			t.Errorf("%d reads", reads)
		}
	})
}

// Who hears late that the database was away must not bring back an older entry.
func TestRecent_LateFailureKeepsTheNewerEntry(t *testing.T) {
	cache := newRecent(10, func(int) int { return 1 }, func(int) bool { return false })
	old := entry[int]{value: 1, read: time.Now()}
	cache.put("a", old)
	cache.put("a", entry[int]{value: 2, read: old.read.Add(time.Millisecond)})
	cache.spare("a", old)
	if e := cache.entries["a"]; e.value != 2 || !e.tried.IsZero() {
		t.Errorf("%+v", e)
	}
	cache.spare("b", old)
	if len(cache.entries) != 1 {
		t.Error("an entry that was dropped is back")
	}
}

// A database that hangs keeps nobody waiting for long who can have what was there,
// and what it answers in the end is kept.
func TestRecent_HangingDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := newRecent(2, one, func(int) bool { return false })
		hangs := time.Duration(0)
		get := func(value int) (int, time.Duration) {
			began := time.Now()
			got, err := cache.get("a", func() (int, error) { time.Sleep(hangs); return value, nil })
			if err != nil {
				t.Error(err)
			}
			return got, time.Since(began)
		}
		get(1)
		time.Sleep(recentLife)
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
