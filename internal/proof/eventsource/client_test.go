package eventsource_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"dateline/internal/proof/eventsource"
)

// script answers each request with the next step, and the last one again and again.
type script struct {
	mu       sync.Mutex
	steps    []http.HandlerFunc
	requests []*http.Request
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	step := s.steps[min(len(s.requests), len(s.steps)-1)]
	s.requests = append(s.requests, r)
	s.mu.Unlock()
	step(w, r)
}

func (s *script) seen() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

func serve(t *testing.T, steps ...http.HandlerFunc) (*script, *eventsource.Client) {
	t.Helper()
	s := &script{steps: steps}
	server := httptest.NewServer(s)
	server.Config.SetKeepAlivesEnabled(false) // net/http tries a kept connection's request again by itself
	t.Cleanup(server.Close)
	return s, &eventsource.Client{URL: server.URL, HTTP: server.Client()}
}

func says(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = fmt.Fprint(w, body)
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestClient_Follow(t *testing.T) {
	t.Parallel()
	s, c := serve(t, says("retry: 1\nid: 3\ndata: a\n\nid: 4\ndata: cut off"), hangUp, says("data: b\n\n"), status(http.StatusNoContent))
	var states []eventsource.State
	c.OnState = func(state eventsource.State, _ error) { states = append(states, state) }
	var got []string
	err := c.Follow(within(t), func(e eventsource.Event) error {
		got = append(got, e.ID+" "+string(e.Data))
		return nil
	})
	if refusal, ok := errors.AsType[*eventsource.RefusedError](err); !ok || refusal.Status != http.StatusNoContent {
		t.Error(err)
	}
	if fmt.Sprint(got) != "[3 a 3 b]" || fmt.Sprint(states) != "[1 0 0 1 0 2]" {
		t.Error(got, states)
	}
	for i, want := range []string{"", "3", "3", "3"} {
		if id := s.seen()[i].Header.Get("Last-Event-ID"); id != want {
			t.Errorf("request %d: last event id %q, want %q", i, id, want)
		}
	}
}

func TestClient_CallbackEnds(t *testing.T) {
	t.Parallel()
	other := errors.New("other")
	for _, test := range []struct{ told, want error }{{eventsource.ErrStop, nil}, {other, other}} {
		_, c := serve(t, says("data: a\n\ndata: b\n\n"))
		calls := 0
		err := c.Follow(within(t), func(eventsource.Event) error { calls++; return test.told })
		if !errors.Is(err, test.want) || calls != 1 {
			t.Error(err, calls)
		}
	}
}

func TestClient_ContextEnds(t *testing.T) {
	t.Parallel()
	_, c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		says("data: a\n\n")(w, r)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(within(t))
	var last eventsource.State
	c.OnState = func(s eventsource.State, _ error) { last = s }
	err := c.Follow(ctx, func(eventsource.Event) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) || last != eventsource.Closed {
		t.Error(err, last)
	}
}
