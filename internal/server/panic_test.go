package server

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"dateline/internal/liveblog"
)

// brittle panics while a page is read for all to share.
type brittle struct{ *fakePages }

func (brittle) Page(context.Context, string, liveblog.PageQuery) (*liveblog.Page, error) {
	panic("no such row")
}

// A page that panics is a 500 of its own: pages are rendered on a goroutine that
// no request owns, where a panic would end the node, and the next one that is
// asked for the same page.
func TestPages_PanicIsOnlyThatPages(t *testing.T) {
	f := cupFinal(1)
	s := newPageServer(t, brittle{f})
	for path, want := range map[string]int{
		"/b/cup-final": http.StatusInternalServerError, "/b/cup-final/feed.atom": http.StatusInternalServerError,
		"/b/cup-final/p/" + testID(1).String(): http.StatusOK,
	} {
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != want {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}
