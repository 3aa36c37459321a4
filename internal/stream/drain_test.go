package stream

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"dateline/internal/liveblog"
)

func TestDrainWindow_GrowsWithReaders(t *testing.T) {
	t.Parallel()
	for streams, want := range map[int]time.Duration{
		0: 0, 1: 100 * time.Millisecond, 20: 2 * time.Second, 50: 5 * time.Second, 200: 5 * time.Second,
		10_000: 5 * time.Second, 20_000: 10 * time.Second, 1_000_000: 30 * time.Second,
	} {
		if got := drainWindow(streams); got != want {
			t.Errorf("%d streams leave within %s, want %s", streams, got, want)
		}
	}
}

// The readers of a draining node reconnect over five seconds and more.
func TestDrain_SpreadsReconnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := startHub(t, newMemoryLog(), roomy)
		var clients []*client
		for range 200 {
			c := follow(t, h, Position{})
			c.expect("hello", "0")
			clients = append(clients, c)
		}
		began := time.Now()
		back := make(chan time.Duration, len(clients))
		for _, c := range clients {
			go func() { back <- c.leave(began) }()
		}
		h.Drain(t.Context())
		if took := time.Since(began); took > 5*time.Second+time.Millisecond {
			t.Errorf("draining took %s", took)
		}
		checkSpread(t, back, len(clients))
	})
}

// leave follows the stream to its end and returns when its reader reconnects.
func (c *client) leave(began time.Time) time.Duration {
	c.expect("bye", "")
	c.expect("closed", "")
	return time.Since(began) + c.retry
}

// checkSpread wants reconnects over five seconds, and no second with more than
// twice its share of them.
func checkSpread(t *testing.T, back <-chan time.Duration, n int) {
	t.Helper()
	seconds := map[int]int{}
	first, last := time.Hour, time.Duration(0)
	for range n {
		d := <-back
		first, last = min(first, d), max(last, d)
		seconds[int(d/time.Second)]++
	}
	if last-first < 5*time.Second || last > 7*time.Second {
		t.Errorf("readers come back from %s to %s", first, last)
	}
	for s, readers := range seconds {
		if readers > 2*n/5 {
			t.Errorf("%d of %d readers come back in second %d", readers, n, s)
		}
	}
}

// A client of a draining node is rejected until the node has stopped.
func TestDrain_RejectsNewReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := startHub(t, newMemoryLog(), roomy)
		for range 100 {
			follow(t, h, Position{}).expect("hello", "0")
		}
		began := time.Now()
		drained := make(chan struct{})
		go func() { h.Drain(t.Context()); close(drained) }()
		<-h.draining
		c := follow(t, h, Position{})
		c.expectRejection(reasonDraining)
		if back := time.Since(began) + c.retry; back < 5*time.Second || back > 7*time.Second {
			t.Errorf("a new reader is to come back %s after the drain began", back)
		}
		<-drained
	})
}

// A proxy that has other nodes gets a status at which it tries one of them at once.
func TestDrain_RedirectsProxies(t *testing.T) {
	t.Parallel()
	h := startHub(t, newMemoryLog(), roomy)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.Header.Set(otherNodes, "yes")
	h.Drain(t.Context())
	w := httptest.NewRecorder()
	h.Serve(w, r, Request{BlogID: blogA, Address: "192.0.2.1"})
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("a proxy got %d", w.Code)
	}
}

// Long polls come one after the other: a draining node must not answer them at once
// with nothing, again and again.
func TestDrain_RefusesPolls(t *testing.T) {
	t.Parallel()
	h := startHub(t, newMemoryLog(), roomy)
	h.Drain(t.Context())
	_, err := h.Poll(t.Context(), Request{BlogID: blogA}, 20*time.Second, 100)
	p, ok := errors.AsType[*liveblog.Problem](err)
	if !ok || p.Code != "draining" || p.RetryAfter <= 0 || !errors.Is(err, liveblog.ErrUnavailable) {
		t.Errorf("got %#v", err)
	}
}

// Readers to which nothing is due get their bye as soon as others.
func TestDrain_IncludesSilentReaders(t *testing.T) {
	t.Parallel()
	h := startHub(t, newMemoryLog(), roomy)
	var clients []*client
	for range 4 {
		c := followSocket(t, h, Position{})
		c.expect("hello", "0")
		clients = append(clients, c)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // their window is 400 ms
	defer cancel()
	h.Drain(ctx)
	if n := h.Streams(); n > 0 {
		t.Fatalf("%d readers are left", n)
	}
	for _, c := range clients {
		c.expect("bye", "")
		c.expect("closed", "")
	}
}
