package stream

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A storm is let in at the rate of the node; those whose turn is far off are
// sent away at once.
func TestArrivals_SpreadAStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArrivals(2000)
		var admitted, refused atomic.Int64
		var storm sync.WaitGroup
		for range 10_000 {
			storm.Go(func() {
				if a.admit(t.Context(), nil) {
					admitted.Add(1)
				} else {
					refused.Add(1)
				}
			})
		}
		synctest.Wait()
		if now, gone := admitted.Load(), refused.Load(); now != 500 || gone != 5500 {
			t.Errorf("at once %d of 10,000 are in and %d were sent away", now, gone)
		}
		time.Sleep(time.Second)
		if n := admitted.Load(); n < 2400 || n > 2600 {
			t.Errorf("after a second %d are in", n)
		}
		storm.Wait()
		if n := admitted.Load(); n != 4500 {
			t.Errorf("in the end %d are in", n)
		}
	})
}

// Who leaves while waiting takes nobody's turn.
func TestArrivals_WaitingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArrivals(1)
		leaving := make(chan struct{})
		if !a.admit(t.Context(), leaving) {
			t.Fatal("the first has to wait")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if a.admit(ctx, leaving) {
			t.Error("a reader who is gone was let in")
		}
		close(leaving)
		if a.admit(t.Context(), leaving) {
			t.Error("a node that leaves lets readers in")
		}
		time.Sleep(time.Second)
		if !a.admit(t.Context(), nil) {
			t.Error("the turns of those who left are lost")
		}
	})
}

func TestArrivals_WithoutALimit(t *testing.T) {
	t.Parallel()
	a := newArrivals(0)
	for range 100_000 {
		if !a.admit(t.Context(), nil) {
			t.Fatal("refused")
		}
	}
}
