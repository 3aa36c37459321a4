package apiclient_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"dateline/internal/apiclient"
)

// fake answers with each of its statuses in turn, and keeps the headers it got.
type fake struct {
	statuses []int
	seen     []http.Header
}

// ServeHTTP implements http.Handler.
func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.seen = append(f.seen, r.Header)
	status := f.statuses[min(len(f.seen), len(f.statuses))-1]
	w.WriteHeader(status)
	if status < 300 {
		fmt.Fprint(w, `{"id":"7"}`)
	} else {
		fmt.Fprint(w, `{"code":"slug_taken","detail":"there is one already","errors":[{"location":"body.slug","message":"is taken"}]}`)
	}
}

func newClient(t *testing.T, f *fake) *apiclient.Client {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return &apiclient.Client{URL: s.URL, Token: "dl_x", HTTP: s.Client()}
}

func TestRetry_KeepsTheKey(t *testing.T) {
	t.Parallel()
	f := &fake{statuses: []int{503, 429, 201}}
	var out struct{ ID string }
	err := newClient(t, f).Retry(t.Context(), apiclient.Request{Method: http.MethodPost, Path: "/", Body: apiclient.JSON(1)}, &out)
	if err != nil || out.ID != "7" || len(f.seen) != 3 {
		t.Fatalf("got %q, %v after %d requests", out.ID, err, len(f.seen))
	}
	key := f.seen[0].Get("Idempotency-Key")
	for _, h := range f.seen {
		if key == "" || h.Get("Idempotency-Key") != key || h.Get("Authorization") != "Bearer dl_x" || h.Get("Content-Type") != "application/json" {
			t.Errorf("headers %v", h)
		}
	}
}

func TestRetry_ReturnsRefusals(t *testing.T) {
	t.Parallel()
	f := &fake{statuses: []int{409}}
	err := newClient(t, f).Retry(t.Context(), apiclient.Request{Method: http.MethodPost, Path: "/"}, nil)
	e, ok := errors.AsType[*apiclient.Error](err)
	if !ok || e.Status != http.StatusConflict || e.Code != "slug_taken" || len(f.seen) != 1 {
		t.Errorf("got %v after %d requests", err, len(f.seen))
	}
	if want := "the server answered 409 slug_taken: there is one already; body.slug is taken"; err.Error() != want {
		t.Errorf("got %q", err)
	}
}

func TestDo_SendsOnce(t *testing.T) {
	t.Parallel()
	f := &fake{statuses: []int{503}}
	request := apiclient.Request{
		Method: http.MethodPatch, Path: "/", Body: []byte("x"), Type: "text/plain", IfMatch: `"v1"`, Key: "k", Header: http.Header{"user-agent": {"test"}},
	}
	if err := newClient(t, f).Do(t.Context(), request, nil); err == nil || len(f.seen) != 1 {
		t.Errorf("got %v after %d requests", err, len(f.seen))
	}
	for name, want := range map[string]string{"Content-Type": "text/plain", "If-Match": `"v1"`, "Idempotency-Key": "k", "User-Agent": "test"} {
		if got := f.seen[0].Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
