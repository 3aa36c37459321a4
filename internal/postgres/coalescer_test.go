package postgres

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// countedRuns is a function for a coalescer. Each run takes a second and returns an
// error of its own.
type countedRuns struct{ results []error }

func (c *countedRuns) run(context.Context) error {
	err := errors.New("result of a run")
	c.results = append(c.results, err)
	time.Sleep(time.Second)
	return err
}

func TestCoalescer_CallsDuringARunShareTheNextOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		runs := &countedRuns{}
		c := newCoalescer(runs.run)
		var calls sync.WaitGroup
		began := time.Now()
		var first error
		calls.Go(func() { first = c.do(t.Context()) })
		time.Sleep(time.Millisecond)
		later := make([]error, 50)
		for i := range later {
			calls.Go(func() { later[i] = c.do(t.Context()) })
		}
		calls.Wait()
		if len(runs.results) != 2 || time.Since(began) != 2*time.Second {
			t.Fatalf("%d runs in %v, want 2 in 2 s", len(runs.results), time.Since(began))
		}
		if !errors.Is(first, runs.results[0]) {
			t.Errorf("the first call got %v", first)
		}
		for i, err := range later {
			if !errors.Is(err, runs.results[1]) {
				t.Errorf("call %d, which came during the first run, got its result", i)
			}
		}
	})
}

// runError is the result of a run that says when the run began.
type runError struct{ time.Time }

func (s runError) Error() string { return s.String() }

// What a caller saw before its call is covered only by a run that began afterwards.
func TestCoalescer_RunBeginsAfterTheCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCoalescer(func(context.Context) error {
			began := runError{time.Now()}
			time.Sleep(time.Second)
			return began
		})
		var calls sync.WaitGroup
		for i := range 40 {
			calls.Go(func() {
				time.Sleep(time.Duration(i) * 170 * time.Millisecond)
				called := time.Now()
				began, ok := errors.AsType[runError](c.do(t.Context()))
				if !ok || began.Before(called) {
					t.Errorf("call %d at %v got the result of a run that began at %v", i, called, began)
				}
			})
		}
		calls.Wait()
	})
}

func TestCoalescer_CallEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		runs := &countedRuns{}
		c := newCoalescer(runs.run)
		var first sync.WaitGroup
		first.Go(func() { _ = c.do(t.Context()) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := c.do(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a call whose context ended during another run: %v", err)
		}
		first.Wait()
		if err := c.do(t.Context()); !errors.Is(err, runs.results[1]) {
			t.Errorf("the call after it got %v", err)
		}
	})
}

func TestCoalescer_EachCallAloneRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		runs := &countedRuns{}
		c := newCoalescer(runs.run)
		for i := range 3 {
			if err := c.do(t.Context()); !errors.Is(err, runs.results[i]) {
				t.Errorf("call %d got %v", i, err)
			}
		}
	})
}
