package server

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"dateline/internal/liveblog"
)

func ask(s *Server, path, address string, header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.RemoteAddr = address + ":1234"
	for name, values := range header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

// limited is the product's pages with limits of one a second for an address,
// ten at once.
func limited(t *testing.T, f *fakePages, change func(*Options)) *Server {
	t.Helper()
	o := Options{Outdated: func(liveblog.Head) bool { return false }, Pages: f, Renderer: newTestRenderer(t), Ready: func(context.Context) error { return nil }}
	change(&o)
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The limit of an address comes before everything, on pages too; what is exempt
// is so by its route: a blog may be called as it likes.
func TestLimitAddress_ExemptsByRoute(t *testing.T) {
	f := cupFinal(1)
	f.blog.Slug = "stream"
	s := limited(t, f, func(o *Options) { o.AddressRate = 60 })
	for i := range 11 {
		want := http.StatusOK
		if i == 10 {
			want = http.StatusTooManyRequests
		}
		if w := ask(s, "/b/stream", "192.0.2.1", nil); w.Code != want || want != http.StatusOK && w.Header().Get("Retry-After") == "" {
			t.Errorf("request %d: %d %v", i, w.Code, w.Header())
		}
	}
	for path, want := range map[string]int{
		"/api/v1/blogs/stream": http.StatusTooManyRequests, "/adminX": http.StatusTooManyRequests, "/feedback": http.StatusTooManyRequests,
		"/media/" + testID(1).String() + "/800.jpg": http.StatusTooManyRequests,
		"/livez": http.StatusOK, "/readyz": http.StatusOK, "/robots.txt": http.StatusOK,
	} {
		var header http.Header
		if want == http.StatusTooManyRequests { // and not 401
			header = http.Header{"Authorization": {"Bearer dl_x"}}
		}
		if w := ask(s, path, "192.0.2.1", header); w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
	if w := ask(s, "/b/stream", "192.0.2.2", nil); w.Code != http.StatusOK {
		t.Errorf("another address: %d", w.Code)
	}
}

// Readers behind one address read kept pages at no cost; only reads of the database count. Others
// that wait for the same page are not refused with it, and a refused client still gets kept pages.
func TestMayRead_OnlyTheDatabaseCounts(t *testing.T) {
	s := limited(t, cupFinal(3), func(o *Options) { o.AddressReads = 60 })
	for i := range 1000 {
		if w := ask(s, "/b/cup-final", "192.0.2.1", nil); w.Code != http.StatusOK {
			t.Fatalf("reader %d: %d", i, w.Code)
		}
	}
	refused := 0
	for i := range 20 {
		if ask(s, fmt.Sprintf("/b/cup-final?tag=t%d", i), "192.0.2.1", nil).Code == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused < 9 || refused > 12 {
		t.Errorf("%d of 20 tags were refused", refused)
	}
	if w := ask(s, "/b/cup-final", "192.0.2.1", nil); w.Code != http.StatusOK {
		t.Errorf("what is kept was refused: %d", w.Code)
	}
	if w := ask(s, "/b/cup-final?tag=t30", "192.0.2.2", nil); w.Code != http.StatusOK {
		t.Errorf("another address was refused: %d", w.Code)
	}
}
