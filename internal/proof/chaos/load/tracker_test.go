package load

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestTracker_AwaitsTheLastReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr := NewTracker()
		defer tr.Publishing("cup")()
		fast, slow, elsewhere := tr.Follow("cup"), tr.Follow("cup"), tr.Follow("quiet")
		defer elsewhere.Leave()
		before := time.Now()
		time.Sleep(time.Second)
		fault := time.Now()
		time.Sleep(time.Second)
		began := time.Now()
		go func() {
			tr.Acked("cup", 1, before) // began before the fault
			for _, f := range []*Follower{fast, slow} {
				f.Saw(1, time.Now())
			}
			fast.Saw(2, time.Now())
			time.Sleep(3 * time.Second)
			slow.Saw(2, time.Now())
			time.Sleep(time.Second)
			tr.Acked("cup", 2, began) // known late: readers may be faster than the answer
		}()
		recovered, err := tr.Await(t.Context(), fault)
		if got := recovered.Sub(began).Round(time.Millisecond); err != nil || got != 3*time.Second {
			t.Errorf("recovered after %v, %v", got, err)
		}
	})
}

func TestTracker_AwaitsNobodyWhoLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr := NewTracker()
		defer tr.Publishing("cup")()
		stays, leaves := tr.Follow("cup"), tr.Follow("cup")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		fault := time.Now()
		time.Sleep(time.Second)
		tr.Acked("cup", 1, time.Now())
		stays.Saw(1, time.Now())
		if _, err := tr.Await(ctx, fault); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("without the second reader: %v", err)
		}
		leaves.Leave()
		if _, err := tr.Await(t.Context(), fault, "cup"); err != nil {
			t.Error(err)
		}
	})
}

func TestTracker_AwaitsTheNewestEventOfAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr := NewTracker()
		stays, away, again := tr.Follow("cup"), tr.Follow("cup"), tr.Follow("cup")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		tr.Acked("cup", 9, time.Now()) // of a history that was lost
		time.Sleep(time.Second)
		last := time.Now()
		tr.Acked("cup", 5, last)
		stays.Saw(5, time.Now())
		away.Knows(5) // it was away when the event came
		again.Saw(9, time.Now())
		again.StartsAgain(4)
		if err := tr.AwaitNewest(ctx, last, "cup"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("without two of the readers: %v", err)
		}
		away.Saw(5, time.Now())
		again.StartsAgain(5)
		if err := tr.AwaitNewest(t.Context(), last, "cup"); err != nil {
			t.Error(err)
		}
	})
}

func TestTracker_MeasuresDelays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr := NewTracker()
		a, b := tr.Follow("cup"), tr.Follow("cup")
		time.Sleep(time.Minute)
		since := time.Now()
		for seq := int64(1); seq <= 4; seq++ {
			began := time.Now()
			time.Sleep(10 * time.Millisecond)
			if a.Saw(seq, time.Now()); seq < 4 {
				b.Knows(1) // was not there for the first
				b.Saw(seq, time.Now().Add(30*time.Millisecond))
			}
			time.Sleep(10 * time.Millisecond)
			tr.Acked("cup", seq, began)
		}
		acked := time.Now()
		got := tr.Delays(since, acked.Add(time.Second))
		want := Delays{Deliveries: 6, Acked: Quantiles{0, 20e6, 20e6, 20e6}, Began: Quantiles{10e6, 40e6, 40e6, 40e6}}
		if got != want {
			t.Errorf("delays %+v, not %+v", got, want)
		}
		if worst := tr.WorstDelay(since, acked); worst != 20*time.Millisecond {
			t.Errorf("worst %v", worst)
		}
		time.Sleep(5 * time.Second)
		if worst := tr.WorstDelay(since, time.Now()); worst != 5*time.Second {
			t.Errorf("a reader that lacks the last one: %v", worst)
		}
		b.Leave()
		if worst := tr.WorstDelay(since, time.Now()); worst != 20*time.Millisecond {
			t.Errorf("after it left: %v", worst)
		}
		b = tr.Follow("cup")
		b.StartsAgain(4)
		if worst := tr.WorstDelay(since, time.Now()); worst != 20*time.Millisecond {
			t.Errorf("after a reset: %v", worst)
		}
	})
}
