// Package cache keeps what many clients ask for at the same time: values that may be a
// second old, absences, recently used keys and images. It starts no goroutine that outlives a
// read.
package cache

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/server/problem"

	"golang.org/x/sync/singleflight"
)

const (
	// freshFor is how long a value is served without a read.
	freshFor = time.Second
	// staleFor is how long a value may be served while the database does not answer.
	staleFor = 10 * time.Minute
	// slow is how long a client waits for a newer value where there is a stale one.
	slow = 1500 * time.Millisecond
)

// errSlow ends a wait for a newer value.
var errSlow = fmt.Errorf("a read takes more than %s: %w", slow, liveblog.ErrUnavailable)

// Stale keeps values that many clients ask for, so that each costs one read a second, and
// none while the database is away. A value that no longer exists is dropped at once. One that
// may contain a corrected or removed text is never served, however long a read takes.
type Stale[T any] struct {
	most  int         // the sizes of all entries together
	size  func(T) int // of a value
	knows Knowledge[T]
	loads singleflight.Group

	mu      sync.Mutex
	total   int
	entries map[string]entry[T]
}

// Knowledge compares values with what the node knows of the database. A nil function is
// always false.
type Knowledge[T any] struct {
	Outdated   func(T) bool // more is known than the value shows
	Superseded func(T) bool // the value may contain what was corrected or removed
}

func (k Knowledge[T]) outdated(v T) bool   { return k.Outdated != nil && k.Outdated(v) }
func (k Knowledge[T]) superseded(v T) bool { return k.Superseded != nil && k.Superseded(v) }

// entry is the result of the last successful read. The zero entry is expired.
type entry[T any] struct {
	value  T
	err    error // a panic: the next read would panic too
	read   time.Time
	failed time.Time // when a read last failed since the database did not answer
}

// state says what may be done with an entry.
type state int

const (
	expired state = iota // it must not be served
	stale                // it may be served if no newer value can be read
	fresh                // it may be served without a read
)

// NewStale makes an empty cache for values of at most the given size together.
func NewStale[T any](most int, size func(T) int, k Knowledge[T]) *Stale[T] {
	return &Stale[T]{most: most, size: size, knows: k, entries: map[string]entry[T]{}}
}

// Get returns the value of a key, and reads it with load unless it is fresh. load must end by
// itself: it may go on after Get has returned a stale value.
func (c *Stale[T]) Get(key string, load func() (T, error)) (T, error) {
	asked := time.Now()
	c.mu.Lock()
	kept := c.entries[key]
	c.mu.Unlock()
	was := c.state(kept)
	if was == fresh {
		return kept.value, kept.err
	}
	value, err := c.read(key, asked, was == stale, load)
	away := errors.Is(err, liveblog.ErrUnavailable)
	if was == stale && (away || errors.Is(err, liveblog.ErrTooMany)) {
		if !c.knows.superseded(kept.value) { // it may have been, meanwhile
			if away {
				c.backOff(key, kept)
			}
			return kept.value, nil
		}
		value, err = c.read(key, asked, false, load)
	}
	if err != nil && !problem.Panicked(err) && !errors.Is(err, liveblog.ErrTooMany) {
		c.Forget(key) // what was removed must not be served while the database is away
	}
	return value, err
}

// state reports what may be done with an entry now. After a failed read a stale entry counts as
// fresh for a short time, so that not every client waits for a database that does not answer.
func (c *Stale[T]) state(e entry[T]) state {
	age := time.Since(e.read)
	switch {
	case e.err != nil && age < freshFor:
		return fresh
	case e.err != nil:
		return expired
	case age < freshFor && !c.knows.outdated(e.value):
		return fresh
	case age >= staleFor || c.knows.superseded(e.value):
		return expired
	case time.Since(e.failed) < freshFor:
		return fresh
	default:
		return stale
	}
}

// reading is the result of one load.
type reading[T any] struct {
	value T
	began time.Time
}

// read loads a key, once for all clients that ask at the same time. With mayGiveUp it returns
// errSlow when that takes too long. A load that another request began before this one came may
// be from before a removal that this request knows of: then the key is loaded again. So it is
// when another request's load was refused since that request's address may not read any more.
func (c *Stale[T]) read(key string, asked time.Time, mayGiveUp bool, load func() (T, error)) (value T, err error) {
	for {
		own := false
		loading := c.loads.DoChan(key, func() (any, error) {
			own = true
			return c.load(key, load)
		})
		loaded, answered := await(loading, mayGiveUp)
		if !answered {
			return value, errSlow
		}
		got := loaded.Val.(reading[T])
		if !own && errors.Is(loaded.Err, liveblog.ErrTooMany) {
			continue
		}
		if !got.began.Before(asked) || !c.overtaken(got.value, loaded.Err) {
			return got.value, loaded.Err
		}
	}
}

// overtaken reports whether a result may be from before something that is known now: a
// removal, or the creation of what did not exist.
func (c *Stale[T]) overtaken(value T, err error) bool {
	if err != nil {
		return errors.Is(err, liveblog.ErrNotFound)
	}
	return c.knows.superseded(value)
}

func (c *Stale[T]) load(key string, load func() (T, error)) (reading[T], error) {
	began := time.Now()
	value, err := problem.Guard("read "+key, load)
	if err == nil || problem.Panicked(err) {
		c.put(key, entry[T]{value: value, err: err, read: time.Now()})
	}
	return reading[T]{value, began}, err
}

// await waits for a load, with mayGiveUp only for so long.
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

// Forget drops the value of a key.
func (c *Stale[T]) Forget(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, known := c.entries[key]; known {
		c.total -= c.sizeOf(old)
		delete(c.entries, key)
	}
}

// backOff serves a stale entry without a read for a short time, unless a newer one was read
// meanwhile.
func (c *Stale[T]) backOff(key string, kept entry[T]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.entries[key]; now.read.Equal(kept.read) {
		now.failed = time.Now()
		c.entries[key] = now
	}
}

// put keeps an entry. A cache that is full is emptied first.
func (c *Stale[T]) put(key string, e entry[T]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, known := c.entries[key]; known {
		c.total -= c.sizeOf(old)
	}
	c.total += c.sizeOf(e)
	if c.total > c.most {
		clear(c.entries)
		c.total = c.sizeOf(e)
	}
	c.entries[key] = e
}

func (c *Stale[T]) sizeOf(e entry[T]) int {
	if e.err != nil {
		return 1
	}
	return c.size(e.value)
}
