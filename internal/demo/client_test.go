package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// seen is a request as the fake server got it.
type seen struct{ method, path, key, ifMatch, auth string }

// fakeAPI answers like the API, after failing a number of times.
type fakeAPI struct {
	mu     sync.Mutex
	fail   int // answers 503 this often
	status int // answered to all when not 0
	seen   []seen
	posts  int
}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, seen{r.Method, r.URL.Path, r.Header.Get("Idempotency-Key"), r.Header.Get("If-Match"), r.Header.Get("Authorization")})
	switch {
	case f.fail > 0:
		f.fail--
		w.WriteHeader(http.StatusServiceUnavailable)
	case f.status != 0:
		w.WriteHeader(f.status)
	default:
		f.posts++
		_ = json.NewEncoder(w).Encode(map[string]string{"id": fmt.Sprintf("post-%d", f.posts), "markdown": "![x](media:y)"})
	}
}

func newFake(t *testing.T, f *fakeAPI) *Client {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return NewClient(s.URL+"/", "dl_x")
}

func TestClient_RepeatsWithTheSameKey(t *testing.T) {
	t.Parallel()
	f := &fakeAPI{fail: 2}
	id, err := newFake(t, f).CreatePost(t.Context(), "cup", Post{Title: "x"})
	if err != nil || id != "post-1" {
		t.Fatalf("got %q, %v", id, err)
	}
	if len(f.seen) != 3 || f.seen[0].key == "" {
		t.Fatalf("requests: %+v", f.seen)
	}
	for _, s := range f.seen {
		if want := (seen{http.MethodPost, "/api/v1/blogs/cup/posts", f.seen[0].key, "", "Bearer dl_x"}); s != want {
			t.Errorf("got %+v, want %+v", s, want)
		}
	}
}

func TestClient_GoneIsDeleted(t *testing.T) {
	t.Parallel()
	if err := newFake(t, &fakeAPI{status: http.StatusGone}).DeletePost(t.Context(), "cup", "1"); err != nil {
		t.Error(err)
	}
}

func TestPlayer_PlaysAll(t *testing.T) {
	t.Parallel()
	f, told := &fakeAPI{}, 0
	p := Player{Client: newFake(t, f), Slug: "cup", OnStep: func(Step) { told++ }}
	if err := p.Play(t.Context(), Script()); err != nil {
		t.Fatal(err)
	}
	if told != len(Script()) || len(f.seen) != told || len(p.Posts()) < 60 {
		t.Errorf("%d steps told, %d requests, %d posts", told, len(f.seen), len(p.Posts()))
	}
	for _, s := range f.seen {
		if s.method == http.MethodPatch && s.ifMatch != "*" {
			t.Errorf("no If-Match: %+v", s)
		}
	}
}

func TestPlayer_KeepsTimeAndStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p := Player{Speed: 60}
		begin := time.Now()
		if err := p.wait(ctx, begin, time.Hour); err != nil || time.Since(begin) != time.Minute {
			t.Errorf("an hour took %v (%v), want a minute", time.Since(begin), err)
		}
		cancel()
		if err := p.Play(ctx, []Step{{At: time.Hour}}); !errors.Is(err, context.Canceled) {
			t.Errorf("stopped: %v", err)
		}
	})
}
