package postgres

import (
	"context"
	"sync"
)

// coalescer runs a function on behalf of many callers. Each call of do returns the
// result of a run that began after the call, so what the caller saw before is
// covered by it. At most one run is under way; calls that come during a run share
// the next one.
type coalescer struct {
	f       func(context.Context) error
	running chan struct{} // of capacity 1; whichever call fills it may run f

	mu       sync.Mutex
	calls    int64 // how many calls of do there were
	answered int64 // the first so many calls are covered by a finished run
	err      error // of the last finished run
}

func newCoalescer(f func(context.Context) error) *coalescer {
	return &coalescer{f: f, running: make(chan struct{}, 1)}
}

// do returns the error of f, or that of ctx when ctx ends before the call's turn.
// f runs with the context of one of the callers that share the run; it must not
// take the end of that context for the end of the run.
func (c *coalescer) do(ctx context.Context) error {
	c.mu.Lock()
	c.calls++
	call := c.calls
	c.mu.Unlock()
	select {
	case c.running <- struct{}{}:
		defer func() { <-c.running }()
	case <-ctx.Done():
		return ctx.Err()
	}
	c.mu.Lock()
	if c.answered >= call {
		defer c.mu.Unlock()
		return c.err
	}
	covered := c.calls
	c.mu.Unlock()
	err := c.f(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answered, c.err = covered, err
	return err
}
