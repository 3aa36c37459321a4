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

// get gives the entry of a key, read anew by load where it must be.
func (r *recent[T]) get(key string, load func() (T, error)) (T, error) {
	r.mu.Lock()
	kept, known := r.entries[key]
	r.mu.Unlock()
	if known && r.good(kept) {
		return kept.value, nil
	}
	value, err, _ := r.loads.Do(key, func() (any, error) {
		value, err := load()
		if err == nil {
			r.put(key, entry[T]{value: value, read: time.Now()})
		}
		return value, err
	})
	if errors.Is(err, liveblog.ErrUnavailable) && known && time.Since(kept.read) < staleLife {
		r.spare(key, kept)
		return kept.value, nil
	}
	if err != nil {
		r.forget(key)
	}
	return value.(T), err
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
