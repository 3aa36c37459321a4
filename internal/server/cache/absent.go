package cache

import (
	"errors"
	"sync"
	"time"

	"dateline/internal/liveblog"
)

const (
	// absentLife is how long an absence is reported without asking the database again.
	absentLife = time.Second
	// maxAbsent is how many absences one half of the cache holds.
	maxAbsent = 4096
)

// Absent remembers for a second what the database does not have, so that a client that asks
// for it again and again costs no reads.
type Absent struct {
	mu      sync.Mutex
	errs    *Generations[string, absence]
	changed time.Time // when something was last created
}

type absence struct {
	err error
	at  time.Time
}

// NewAbsent makes an empty cache.
func NewAbsent() *Absent {
	return &Absent{errs: NewGenerations[string, absence](maxAbsent, absentLife)}
}

// Find returns the error of a read that found nothing under key within the last second, and
// otherwise nil.
func (a *Absent) Find(key string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if found, known := a.errs.Get(key); known && time.Since(found.at) < absentLife {
		return found.err
	}
	return nil
}

// Note remembers err if it says that there is nothing under key, or no good credential. asked is
// when the read began: a read from before the last creation is not remembered.
func (a *Absent) Note(key string, asked time.Time, err error) {
	if !errors.Is(err, liveblog.ErrNotFound) && !errors.Is(err, liveblog.ErrUnauthorized) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if asked.After(a.changed) {
		a.errs.Put(key, absence{err, time.Now()})
	}
}

// Created forgets the absence of key.
func (a *Absent) Created(key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.changed = time.Now()
	a.errs.Forget(key)
}
