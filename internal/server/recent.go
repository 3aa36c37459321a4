package server

import (
	"errors"
	"sync"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/server/problem"

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
// second, and while the database is away none. What is there no more is forgotten
// at once, and what may hold a text that was taken back is never given, however
// long a read takes.
type recent[T any] struct {
	most  int         // the sizes of all entries together
	size  func(T) int // of an entry
	knows knows[T]
	loads singleflight.Group

	mu      sync.Mutex
	total   int
	entries map[string]entry[T]
}

// knows compares entries with what the node knows of the database.
type knows[T any] struct {
	outdated   func(T) bool // more is known than an entry shows
	superseded func(T) bool // an entry may hold what was corrected or removed
}

type entry[T any] struct {
	value T
	err   error // a panic: it would come again
	read  time.Time
	tried time.Time // when a read last failed because the database was away
}

func newRecent[T any](most int, size func(T) int, k knows[T]) *recent[T] {
	return &recent[T]{most: most, size: size, knows: k, entries: map[string]entry[T]{}}
}

// get gives the entry of a key, read anew by load where it must be. load must end
// by itself: it may go on after get has given an older answer.
func (r *recent[T]) get(key string, load func() (T, error)) (T, error) {
	asked := time.Now()
	r.mu.Lock()
	kept, known := r.entries[key]
	r.mu.Unlock()
	if known && r.good(kept) {
		return kept.value, kept.err
	}
	usable := known && kept.err == nil && time.Since(kept.read) < staleLife && !r.knows.superseded(kept.value)
	value, answered, err := r.read(key, asked, usable, load)
	late := !answered || errors.Is(err, liveblog.ErrUnavailable)
	if usable && (late || errors.Is(err, liveblog.ErrTooMany)) {
		if !r.knows.superseded(kept.value) { // it may be by now
			if late {
				r.spare(key, kept)
			}
			return kept.value, nil
		}
		value, _, err = r.read(key, asked, false, load)
	}
	if err != nil && !problem.Panicked(err) && !errors.Is(err, liveblog.ErrTooMany) {
		r.forget(key)
	}
	return value, err
}

// reading is what one load brought, and when it began.
type reading[T any] struct {
	value T
	began time.Time
}

// read loads a key, once for all who ask at the same time. What another request
// began to load before this one came may be from before a removal that this one
// knows of: then it is loaded again, and so it is when only the other one may ask
// no more.
func (r *recent[T]) read(key string, asked time.Time, mayGiveUp bool, load func() (T, error)) (value T, answered bool, err error) {
	for {
		own := false
		loading := r.loads.DoChan(key, func() (any, error) {
			own = true
			return r.load(key, load)
		})
		loaded, answered := await(loading, mayGiveUp)
		if !answered {
			return value, false, nil
		}
		got := loaded.Val.(reading[T])
		if !own && errors.Is(loaded.Err, liveblog.ErrTooMany) {
			continue
		}
		if !got.began.Before(asked) || !r.passed(got.value, loaded.Err) {
			return got.value, true, loaded.Err
		}
	}
}

// passed reports whether a reading may be from before something that is known now:
// a removal, or the creation of what was not there.
func (r *recent[T]) passed(value T, err error) bool {
	if err != nil {
		return errors.Is(err, liveblog.ErrNotFound)
	}
	return r.knows.superseded(value)
}

func (r *recent[T]) load(key string, load func() (T, error)) (reading[T], error) {
	began := time.Now()
	value, err := problem.Guard("read "+key, load)
	if err == nil || problem.Panicked(err) {
		r.put(key, entry[T]{value: value, err: err, read: time.Now()})
	}
	return reading[T]{value, began}, err
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
		r.total -= r.sizeOf(old)
		delete(r.entries, key)
	}
}

// good reports whether an entry may be given without a read: it is new, or the
// database did not answer a moment ago.
func (r *recent[T]) good(e entry[T]) bool {
	if e.err != nil {
		return time.Since(e.read) < recentLife
	}
	return time.Since(e.read) < recentLife && !r.knows.outdated(e.value) ||
		time.Since(e.tried) < recentLife && time.Since(e.read) < staleLife && !r.knows.superseded(e.value)
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
		r.total -= r.sizeOf(old)
	}
	r.total += r.sizeOf(e)
	if r.total > r.most {
		clear(r.entries)
		r.total = r.sizeOf(e)
	}
	r.entries[key] = e
}

func (r *recent[T]) sizeOf(e entry[T]) int {
	if e.err != nil {
		return 1
	}
	return r.size(e.value)
}
