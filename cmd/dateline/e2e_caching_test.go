package main

import (
	"net/http"
	"testing"

	"dateline/internal/pgtest"
)

// TestE2E_Caching: what everybody may see may be shared for a moment; what a
// credential opened may not, however public the blog is.
func TestE2E_Caching(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	node, feed := startProcess(t, dsn), newRobot(t, dsn)
	anyone := &robot{client: newClient()}
	feed.newBlog(t, node.url, "open")
	feed.must(t, http.MethodPost, node.url+"/api/v1/blogs", map[string]any{"slug": "closed", "title": "A draft", "status": "draft"}, nil)
	for _, slug := range []string{"open", "closed"} {
		feed.post(t, node.url, slug, "First")
	}
	for _, c := range []struct {
		who    *robot
		slug   string
		status int
		want   string
	}{
		{anyone, "open", http.StatusOK, "public, max-age=2"},
		{feed, "open", http.StatusOK, "no-store"},
		{feed, "closed", http.StatusOK, "no-store"},
		{anyone, "closed", http.StatusNotFound, "no-store"},
	} {
		a, err := c.who.call(t.Context(), http.MethodGet, node.url+"/api/v1/blogs/"+c.slug+"/events?after=0", nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.header.Get("Cache-Control"); a.status != c.status || got != c.want {
			t.Errorf("%s with token %t: %d %q, want %d %q", c.slug, c.who.token != "", a.status, got, c.status, c.want)
		}
	}
}
