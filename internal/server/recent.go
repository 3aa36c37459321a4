package server

import (
	"errors"
	"sync"
	"time"

	"dateline/internal/liveblog"

	"golang.org/x/sync/singleflight"
)

const (
	// recentLife is how long what was read is believed to be so still.
	recentLife = time.Second
	// staleLife is how long that goes on while the database is away.
	staleLife = 10 * time.Minute
	// slow is how long a reader waits for a newer answer where there is an older one.
	slow = 1500 * time.Millisecond
)

// recent keeps what many readers ask for at once, so that it costs one read a
// second, and while the database is away none. What is there no
// more is forgotten at once.
type recent[T any] struct {
	most     int          // the sizes of all entries together
	size     func(T) int  // of an entry
	outdated func(T) bool // reports whether more is known than an entry shows
	loads    singleflight.Group

	mu      sync.Mutex
	total   int
	entries map[string]entry[T]
}

type entry[T any] struct {
	value T
	read  time.Time
	tried time.Time // when a read last failed because the database was away
}

func newRecent[T any](most int, size func(T) int, outdated func(T) bool) *recent[T] {
	return &recent[T]{most: most, size: size, outdated: outdated, entries: map[string]entry[T]{}}
}

// get gives the entry of a key, read anew by load where it must be. load must end
// by itself: it may go on after get has given an older answer.
func (r *recent[T]) get(key string, load func() (T, error)) (T, error) {
	r.mu.Lock()
	kept, known := r.entries[key]
	r.mu.Unlock()
	if known && r.good(kept) {
		return kept.value, nil
	}
	loading := r.loads.DoChan(key, func() (any, error) {
		value, err := load()
		if err == nil {
			r.put(key, entry[T]{value: value, read: time.Now()})
		}
		return value, err
	})
	usable := known && time.Since(kept.read) < staleLife
	loaded, answered := await(loading, usable)
	if usable && (!answered || errors.Is(loaded.Err, liveblog.ErrUnavailable)) {
		r.spare(key, kept)
		return kept.value, nil
	}
	if loaded.Err != nil {
		r.forget(key)
	}
	return loaded.Val.(T), loaded.Err
}

// await gives what is loaded, or up, if it may and that takes long.
func await(loading <-chan singleflight.Result, mayGiveUp bool) (loaded singleflight.Result, answered bool) {
	if !mayGiveUp {
		return <-loading, true
	}
	late := time.NewTimer(slow)
	defer late.Stop()
	select {
	case loaded = <-loading:
		return loaded, true
	case <-late.C:
		return loaded, false
	}
}

// forget keeps what was taken back from being given while the database is away.
func (r *recent[T]) forget(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old, known := r.entries[key]; known {
		r.total -= r.size(old.value)
		delete(r.entries, key)
	}
}

// good reports whether an entry may be given without a read: it is new, or the
// database did not answer a moment ago.
func (r *recent[T]) good(e entry[T]) bool {
	return time.Since(e.read) < recentLife && !r.outdated(e.value) ||
		time.Since(e.tried) < recentLife && time.Since(e.read) < staleLife
}

// spare lets those who ask within the next moment wait for no database, unless
// somebody has read the entry anew meanwhile.
func (r *recent[T]) spare(key string, kept entry[T]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.entries[key]; now.read.Equal(kept.read) {
		now.tried = time.Now()
		r.entries[key] = now
	}
}

func (r *recent[T]) put(key string, e entry[T]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old, known := r.entries[key]; known {
		r.total -= r.size(old.value)
	}
	r.total += r.size(e.value)
	if r.total > r.most {
		clear(r.entries)
		r.total = r.size(e.value)
	}
	r.entries[key] = e
}
