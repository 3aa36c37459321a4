package stream

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"dateline/internal/liveblog"
)

func TestPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog()
		log.publish(150)
		h := startHub(t, log, roomy)
		poll := func(p Position, wait time.Duration) *Batch {
			t.Helper()
			b, err := h.Poll(t.Context(), Request{BlogID: blogA, Position: p}, wait, 100)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		b := poll(Position{HasAfter: true}, time.Minute)
		if len(b.Events) != 100 || b.Next != 100 || b.Events[0].Seq != 1 || b.Head != 150 {
			t.Errorf("first page: %d events, next %d, head %d", len(b.Events), b.Next, b.Head)
		}
		began := time.Now()
		if b = poll(Position{After: 150, HasAfter: true}, 20*time.Second); len(b.Events) != 0 || b.Next != 150 || time.Since(began) != 20*time.Second {
			t.Errorf("nothing new: %+v after %s", b, time.Since(began))
		}
		go func() {
			time.Sleep(time.Second)
			log.publish(1)
			h.Wake(blogA, 151)
		}()
		if b = poll(Position{After: 150, HasAfter: true}, 20*time.Second); len(b.Events) != 1 || b.Next != 151 {
			t.Errorf("an event while waiting: %+v", b)
		}
		if b = poll(Position{After: 999, HasAfter: true}, 0); b.Reset == nil || b.Reset.Reason != reasonAhead || b.Next != 151 {
			t.Errorf("ahead: %+v", b)
		}
		if b = poll(Position{After: 1, HasAfter: true, Epoch: "two"}, 0); b.Reset == nil || b.Reset.Reason != reasonEpoch {
			t.Errorf("another epoch: %+v", b)
		}
	})
}

// Those who wait in a long poll hold as much as those who hold a stream.
func TestPoll_CountsAsAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := startHub(t, newMemoryLog(), Limits{Streams: 2, PerAddress: 1})
		poll := func(address string, wait time.Duration) error {
			_, err := h.Poll(t.Context(), Request{BlogID: blogA, Address: address}, wait, 100)
			return err
		}
		go func() { _ = poll("192.0.2.1", 20*time.Second) }()
		synctest.Wait()
		checkRefusal(t, poll("192.0.2.1", 0), liveblog.ErrTooMany)
		if err := poll("192.0.2.2", 0); err != nil {
			t.Errorf("one from another address: %v", err)
		}
		go func() { _ = poll("192.0.2.3", 10*time.Second) }()
		synctest.Wait()
		checkRefusal(t, poll("192.0.2.2", 0), liveblog.ErrUnavailable)
		time.Sleep(21 * time.Second)
		if err := poll("192.0.2.1", 0); err != nil || h.Streams() != 0 {
			t.Errorf("after the first is over: %v, %d open", err, h.Streams())
		}
	})
}

// checkRefusal wants an error that tells the client when to come back.
func checkRefusal(t *testing.T, err, kind error) {
	t.Helper()
	var p *liveblog.Problem
	if !errors.As(err, &p) || !errors.Is(err, kind) || p.RetryAfter < busyRetry || p.RetryAfter > 3*busyRetry {
		t.Errorf("refused with %#v, want %v", err, kind)
	}
}

// Those who wait are answered at once when the node leaves.
func TestPoll_EndsWithTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := startHub(t, newMemoryLog(), roomy)
		answered := make(chan *Batch, 1)
		go func() {
			b, _ := h.Poll(t.Context(), Request{BlogID: blogA}, 20*time.Second, 100)
			answered <- b
		}()
		synctest.Wait()
		began := time.Now()
		h.Drain(t.Context())
		if b := <-answered; b == nil || time.Since(began) > 0 {
			t.Errorf("%+v after %s", b, time.Since(began))
		}
	})
}
