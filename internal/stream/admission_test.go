package stream

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A storm is admitted at the rate of the node; clients whose turn is far off are
// rejected at once.
func TestAdmission_SpreadsAStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(2000)
		var admitted, refused atomic.Int64
		var storm sync.WaitGroup
		for range 10_000 {
			storm.Go(func() {
				if a.admit(t.Context(), nil) == "" {
					admitted.Add(1)
				} else {
					refused.Add(1)
				}
			})
		}
		synctest.Wait()
		if now, rejected := admitted.Load(), refused.Load(); now != 500 || rejected != 5500 {
			t.Errorf("at once %d of 10,000 are admitted and %d rejected", now, rejected)
		}
		time.Sleep(time.Second)
		if n := admitted.Load(); n < 2400 || n > 2600 {
			t.Errorf("after a second %d are admitted", n)
		}
		storm.Wait()
		if n := admitted.Load(); n != 4500 {
			t.Errorf("in the end %d are admitted", n)
		}
	})
}

// A client that leaves while it waits takes no turn.
func TestAdmission_ReturnsTheTurnsOfThoseThatLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(1)
		draining := make(chan struct{})
		if a.admit(t.Context(), draining) != "" {
			t.Fatal("the first one has to wait")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if a.admit(ctx, draining) == "" {
			t.Error("a client that left was admitted")
		}
		close(draining)
		if reason := a.admit(t.Context(), draining); reason != reasonDraining {
			t.Errorf("a draining node admits readers: %q", reason)
		}
		time.Sleep(time.Second)
		if a.admit(t.Context(), nil) != "" {
			t.Error("the turns of those that left are lost")
		}
	})
}

func TestAdmission_WithoutALimit(t *testing.T) {
	t.Parallel()
	a := newAdmission(0)
	for range 100_000 {
		if a.admit(t.Context(), nil) != "" {
			t.Fatal("refused")
		}
	}
}
