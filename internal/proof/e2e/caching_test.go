package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"dateline/internal/proof/pgtest"
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
	feed.newBlog(t, node.url, "over")
	for _, slug := range []string{"open", "closed", "over"} {
		feed.post(t, node.url, slug, "First")
	}
	feed.must(t, http.MethodPost, node.url+"/api/v1/blogs/over/end", nil, nil)
	for _, c := range []struct {
		who    *robot
		slug   string
		after  int
		status int
		want   string
	}{
		{anyone, "open", 0, http.StatusOK, "public, max-age=2"},
		{anyone, "open", 1, http.StatusOK, "public, max-age=1"},
		{anyone, "over", 0, http.StatusOK, "public, max-age=2"},
		{anyone, "over", 2, http.StatusOK, "public, max-age=30"},
		{feed, "open", 0, http.StatusOK, "no-store"},
		{feed, "over", 2, http.StatusOK, "no-store"},
		{feed, "closed", 0, http.StatusOK, "no-store"},
		{anyone, "closed", 0, http.StatusNotFound, "no-store"},
	} {
		a, err := c.who.call(t.Context(), http.MethodGet, fmt.Sprintf("%s/api/v1/blogs/%s/events?after=%d", node.url, c.slug, c.after), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.header.Get("Cache-Control"); a.status != c.status || got != c.want {
			t.Errorf("%s with token %t: %d %q, want %d %q", c.slug, c.who.token != "", a.status, got, c.status, c.want)
		}
	}
}
