package stream

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"dateline/internal/liveblog"
)

func TestPoll_WaitsForEvents(t *testing.T) {
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

// A long poll that waits holds as much as a stream. Over a limit it does not wait, and
// gets what there is.
func TestPoll_CountsAsAStreamWhileItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog()
		log.publish(1)
		h := startHub(t, log, Limits{Streams: 2, PerAddress: 1})
		poll := func(address string, after int64, wait time.Duration) (events int, took time.Duration) {
			t.Helper()
			began := time.Now()
			b, err := h.Poll(t.Context(), Request{BlogID: blogA, Address: address, Position: Position{After: after, HasAfter: true}}, wait, 100)
			if err != nil {
				t.Error(err)
				return 0, 0
			}
			return len(b.Events), time.Since(began)
		}
		go poll("192.0.2.1", 1, 20*time.Second)
		synctest.Wait()
		if events, took := poll("192.0.2.1", 0, 20*time.Second); events != 1 || took != 0 {
			t.Errorf("over the limit of an address: %d events after %s", events, took)
		}
		if events, took := poll("192.0.2.1", 1, 20*time.Second); events != 0 || took != 0 {
			t.Errorf("over the limit of an address with nothing new: %d events after %s", events, took)
		}
		go poll("192.0.2.3", 1, 10*time.Second)
		synctest.Wait()
		if events, took := poll("192.0.2.2", 0, 0); events != 1 || took != 0 || h.Streams() != 2 {
			t.Errorf("without waiting, on a full node: %d events after %s, %d open", events, took, h.Streams())
		}
		time.Sleep(21 * time.Second)
		if _, took := poll("192.0.2.1", 1, time.Second); took != time.Second || h.Streams() != 0 {
			t.Errorf("after the first is over: answered after %s, %d open", took, h.Streams())
		}
	})
}

// A draining node takes no poll that waits; one that does not is answered.
func TestPoll_OfADrainingNode(t *testing.T) {
	log := newMemoryLog()
	log.publish(1)
	h := startHub(t, log, roomy)
	h.Drain(t.Context())
	req := Request{BlogID: blogA, Position: Position{HasAfter: true}}
	if b, err := h.Poll(t.Context(), req, 0, 100); err != nil || len(b.Events) != 1 {
		t.Errorf("without waiting: %+v, %v", b, err)
	}
	_, err := h.Poll(t.Context(), req, time.Second, 100)
	p, ok := errors.AsType[*liveblog.Problem](err)
	if !ok || !errors.Is(err, liveblog.ErrUnavailable) || p.Code != reasonDraining || p.RetryAfter <= 0 {
		t.Errorf("with waiting: %v", err)
	}
}

// Polls that wait are answered at once when the node drains.
func TestPoll_EndsWhenTheNodeDrains(t *testing.T) {
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
