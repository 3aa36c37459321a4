package server

import (
	"image/jpeg"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
)

func TestServeImage(t *testing.T) {
	t.Parallel()
	h, _ := newMediaServer(t)
	m := uploadPhoto(t, h)
	w := send(t, h, http.MethodGet, m.URL, nil)
	for name, want := range map[string]string{
		"Content-Type": "image/jpeg", "Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff",
		"Content-Security-Policy": "sandbox; default-src 'none'", "Cross-Origin-Resource-Policy": "cross-origin", "Content-Disposition": "inline",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if c, err := jpeg.DecodeConfig(w.Body); w.Code != http.StatusOK || err != nil || c.Width != 800 {
		t.Errorf("%d, %+v, %v", w.Code, c, err)
	}
	for _, tt := range []struct {
		method, path string
		headers      []string
		status       int
	}{
		{http.MethodHead, m.URL, nil, http.StatusOK},
		{http.MethodGet, strings.TrimSuffix(m.URL, ".jpg"), nil, http.StatusOK},
		{http.MethodGet, m.URL, []string{"If-None-Match", w.Header().Get("ETag")}, http.StatusNotModified},
		{http.MethodGet, m.URL, []string{"Range", "bytes=0-9"}, http.StatusPartialContent},
		{http.MethodGet, strings.TrimSuffix(m.URL, "jpg") + "png", nil, http.StatusNotFound},
		{http.MethodGet, "/media/" + m.ID.String() + "/799", nil, http.StatusNotFound},
		{http.MethodGet, "/media/" + strings.ToUpper(m.ID.String()) + "/800", nil, http.StatusNotFound},
		{http.MethodGet, "/media/" + uuid.NewString() + "/800", nil, http.StatusNotFound},
		{http.MethodGet, "/media/x/..%2f..%2fetc", nil, http.StatusNotFound},
		{http.MethodPost, m.URL, nil, http.StatusMethodNotAllowed},
	} {
		w := send(t, h, tt.method, tt.path, nil, tt.headers...)
		if w.Code != tt.status || tt.method == http.MethodHead && w.Body.Len() > 0 {
			t.Errorf("%s %s: %d, want %d", tt.method, tt.path, w.Code, tt.status)
		}
	}
}

func TestServeImage_ManyReadersOneQuery(t *testing.T) {
	t.Parallel()
	h, store := newMediaServer(t)
	m := uploadPhoto(t, h)
	store.gate = make(chan struct{})
	var wait sync.WaitGroup
	for range 50 {
		wait.Go(func() {
			if w := send(t, h, http.MethodGet, m.URL, nil); w.Code != http.StatusOK {
				t.Errorf("got %d", w.Code)
			}
		})
	}
	close(store.gate)
	wait.Wait()
	if n := store.reads.Load(); n != 1 {
		t.Errorf("%d reads of the store, want 1", n)
	}
}
