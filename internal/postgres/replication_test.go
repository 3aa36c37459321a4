package postgres

import (
	"sync"
	"testing"

	"github.com/google/uuid"
)

func TestReplicationTracker_KeepsTheHighestOfAnEpoch(t *testing.T) {
	t.Parallel()
	tracker := newReplicationTracker()
	blog, other := uuid.New(), uuid.New()
	expect := func(what string, want int64) {
		t.Helper()
		if got := tracker.confirmed(blog); got != want {
			t.Errorf("%s: confirmed up to %d, want %d", what, got, want)
		}
	}
	expect("nothing confirmed", 0)
	tracker.enterEpoch(blog, "a")
	tracker.confirm(blog, 7)
	tracker.confirm(blog, 5)
	tracker.confirm(other, 9)
	expect("a lower number after a higher one", 7)
	tracker.enterEpoch(blog, "a")
	expect("the same epoch", 7)
	tracker.enterEpoch(blog, "b")
	expect("another epoch", 0)
	tracker.confirm(blog, 3)
	expect("the new epoch", 3)
	tracker.reset()
	expect("another database", 0)
}

func TestReplicationTracker_TakesConcurrentConfirmations(t *testing.T) {
	t.Parallel()
	tracker := newReplicationTracker()
	blog := uuid.New()
	var all sync.WaitGroup
	for seq := range int64(200) {
		all.Go(func() {
			tracker.confirm(blog, seq+1)
			if got := tracker.confirmed(blog); got <= seq {
				t.Errorf("%d is confirmed and %d is reported", seq+1, got)
			}
		})
	}
	all.Wait()
	if got := tracker.confirmed(blog); got != 200 {
		t.Errorf("confirmed up to %d, want 200", got)
	}
}
