package server

import (
	"context"
	"errors"
	"sync"
	"time"

	"dateline/internal/liveblog"
)

const (
	// absentLife is how long what was not there is believed not to be.
	absentLife = time.Second
	// maxAbsent bounds how much of it is remembered, twice over.
	maxAbsent = 4096
)

// absent remembers for a moment what the database does not have, so that who asks
// for it again and again costs nothing.
type absent struct {
	mu      sync.Mutex
	errs    *generations[string, absence]
	changed time.Time // when something came to be
}

type absence struct {
	err error
	at  time.Time
}

func newAbsent() *absent {
	return &absent{errs: newGenerations[string, absence](maxAbsent, absentLife)}
}

// find is why there is no such thing, if that is known; nil is not known.
func (a *absent) find(key string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if found, known := a.errs.get(key); known && time.Since(found.at) < absentLife {
		return found.err
	}
	return nil
}

// note remembers an error that says so, of a question asked at the time given. An
// answer from before something came to be is not kept.
func (a *absent) note(key string, asked time.Time, err error) {
	if !errors.Is(err, liveblog.ErrNotFound) && !errors.Is(err, liveblog.ErrUnauthorized) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if asked.After(a.changed) {
		a.errs.put(key, absence{err, time.Now()})
	}
}

// appeared notes that there is such a thing from now on.
func (a *absent) appeared(key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.changed = time.Now()
	a.errs.forget(key)
}

// forAnonymous reads something that may not exist. For a moment, anonymous requests
// get the cached absence; a read of the database counts against their address.
func forAnonymous[T any](ctx context.Context, s *Server, key string, read func(context.Context) (T, error)) (T, error) {
	if !liveblog.Anonymous(ctx) {
		return read(ctx)
	}
	return unlessAbsent(s.absent, key, func() (T, error) {
		if err := s.mayRead(ctx); err != nil {
			var none T
			return none, err
		}
		return read(ctx)
	})
}

// unlessAbsent reads something that may not be there.
func unlessAbsent[T any](a *absent, key string, read func() (T, error)) (T, error) {
	if err := a.find(key); err != nil {
		var none T
		return none, err
	}
	asked := time.Now()
	value, err := read()
	if err != nil {
		a.note(key, asked, err)
	}
	return value, err
}
