package server

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/server/pages"

	"golang.org/x/net/html"
)

func fetch(t testing.TB, h http.Handler, path string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Accept", "text/html")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// elements are those with the given name, and with the class unless it is "".
func elements(t testing.TB, source, name, class string) []*html.Node {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(source))
	if err != nil {
		t.Fatal(err)
	}
	var found []*html.Node
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == name && (class == "" || slices.Contains(strings.Fields(attr(n, "class")), class)) {
			found = append(found, n)
		}
	}
	return found
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func content(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

func meta(t testing.TB, body, name string) string {
	t.Helper()
	for _, n := range elements(t, body, "meta", "") {
		if attr(n, "name") == name || attr(n, "property") == name {
			return attr(n, "content")
		}
	}
	return ""
}

func link(t testing.TB, body, rel string) string {
	t.Helper()
	for _, n := range append(elements(t, body, "link", ""), elements(t, body, "a", "")...) {
		if attr(n, "rel") == rel {
			return attr(n, "href")
		}
	}
	return ""
}

// shown lists the positions of the posts of a page's timeline.
func shown(t testing.TB, body string) string {
	t.Helper()
	var out []string
	for _, n := range elements(t, body, "article", "post") {
		if strings.HasPrefix(attr(n, "id"), "p-") {
			out = append(out, attr(n, "data-position"))
		}
	}
	return strings.Join(out, " ")
}

func numbers(from, to int) string {
	var out []string
	for n := from; ; n += sign(to - from) {
		out = append(out, strconv.Itoa(n))
		if n == to {
			return strings.Join(out, " ")
		}
	}
}

func sign(n int) int {
	if n < 0 {
		return -1
	}
	return 1
}

func TestBlogPageShowsTheRightPosts(t *testing.T) {
	t.Parallel()
	f := cupFinal(50)
	f.posts[9].KeyEvent, f.posts[39].KeyEvent, f.posts[4].Tags = true, true, []string{"goal & more"}
	h := newPageServer(t, f).Handler()
	tests := []struct{ path, kind, posts, next string }{
		{"/b/cup-final", "first", numbers(50, 31), "/b/cup-final?before=31"},
		{"/b/cup-final?before=31", "older", numbers(30, 11), "/b/cup-final?before=11"},
		{"/b/cup-final?before=11", "older", numbers(10, 1), ""},
		{"/b/cup-final?order=oldest", "filtered", numbers(1, 20), "/b/cup-final?after=20&order=oldest"},
		{"/b/cup-final?after=20&order=oldest", "filtered", numbers(21, 40), "/b/cup-final?after=40&order=oldest"},
		{"/b/cup-final?filter=key", "filtered", "40 10", ""},
		{"/b/cup-final?tag=goal+%26+more", "filtered", "5", ""},
		{"/b/cup-final?utm_source=elsewhere", "first", numbers(50, 31), "/b/cup-final?before=31"},
	}
	for _, test := range tests {
		w := fetch(t, h, test.path)
		body := w.Body.String()
		if w.Code != http.StatusOK || shown(t, body) != test.posts {
			t.Errorf("%s: %d, posts %s, want %s", test.path, w.Code, shown(t, body), test.posts)
		}
		if kind := attr(elements(t, body, "main", "")[0], "data-page"); kind != test.kind {
			t.Errorf("%s: data-page %q, want %q", test.path, kind, test.kind)
		}
		if next := link(t, body, "next"); next != test.next {
			t.Errorf("%s: next %q, want %q", test.path, next, test.next)
		}
	}
}

func TestBlogPageMeetsTheStream(t *testing.T) {
	t.Parallel()
	body := fetch(t, newPageServer(t, cupFinal(3)).Handler(), "/b/cup-final").Body.String()
	main := elements(t, body, "main", "")[0]
	for key, want := range map[string]string{
		"data-slug": "cup-final", "data-epoch": testEpoch, "data-seq": "3", "data-last-seq": "3", "data-status": "live",
	} {
		if got := attr(main, key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if status := elements(t, body, "p", "announce")[0]; attr(status, "role") != "status" || content(status) != "" {
		t.Error("the status region must be there and empty")
	}
	if len(elements(t, body, "noscript", "")) != 1 {
		t.Error("readers without JavaScript are told nothing")
	}
}

func TestPinnedPostStandsTwiceWithDifferentIDs(t *testing.T) {
	t.Parallel()
	f := cupFinal(3)
	f.blog.PinnedPostID = &f.posts[0].ID
	body := fetch(t, newPageServer(t, f).Handler(), "/b/cup-final").Body.String()
	ids := map[string]int{}
	doc, _ := html.Parse(strings.NewReader(body))
	for n := range doc.Descendants() {
		if id := attr(n, "id"); id != "" {
			ids[id]++
		}
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("id %q stands %d times", id, n)
		}
	}
	if ids["p-"+testID(1).String()] != 1 || ids["pinned-"+testID(1).String()] != 1 {
		t.Errorf("want the post in its place and pinned: %v", ids)
	}
	if len(elements(t, body, "details", "")) != 2 {
		t.Error("the pinned copy cannot be folded")
	}
}

func TestKeyEventsLinkWithinThePageWhereTheyCan(t *testing.T) {
	t.Parallel()
	f := cupFinal(30)
	f.posts[2].KeyEvent, f.posts[29].KeyEvent = true, true
	body := fetch(t, newPageServer(t, f).Handler(), "/b/cup-final").Body.String()
	var hrefs []string
	for _, li := range elements(t, body, "li", "") {
		if attr(li, "data-id") != "" {
			hrefs = append(hrefs, attr(li.FirstChild, "href"))
		}
	}
	want := []string{"#p-" + testID(30).String(), "/b/cup-final/p/" + testID(3).String()}
	if !slices.Equal(hrefs, want) {
		t.Errorf("key events link to %v, want %v", hrefs, want)
	}
}

func TestPermalinkHasItsOwnCard(t *testing.T) {
	t.Parallel()
	f := cupFinal(3)
	f.posts[1].HTML = `<figure class="image"><img src="/media/x/800.jpg" width="800" height="450" alt="A goal"></figure>`
	f.posts[2].Title, f.posts[2].Text = "", "Goal. One nil to the visitors, and how."
	h := newPageServer(t, f).Handler()
	address := "/b/cup-final/p/" + testID(2).String()
	body := fetch(t, h, address).Body.String()
	for name, want := range map[string]string{
		"og:title": "Post 2", "og:url": "https://live.example" + address, "og:image": "https://live.example/media/x/800.jpg",
		"og:image:width": "800", "og:image:alt": "A goal", "twitter:card": "summary_large_image", "og:type": "article",
	} {
		if got := meta(t, body, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if got := link(t, body, "canonical"); got != "https://live.example"+address {
		t.Errorf("canonical is %q", got)
	}
	short := fetch(t, h, "/b/cup-final/p/"+testID(3).String()).Body.String()
	if got := link(t, short, "canonical"); got != "https://live.example/b/cup-final" {
		t.Errorf("the canonical of a one-line post is %q, want its blog", got)
	}
}

func TestMissingPages(t *testing.T) {
	t.Parallel()
	f := cupFinal(5)
	f.posts[0].Status, f.posts[0].HTML = liveblog.PostRemoved, "<p>secret mistake</p>"
	f.posts[1].Status = liveblog.PostDraft
	f.posts[2].Status, f.posts[2].Position = liveblog.PostRemoved, 0
	draft := cupFinal(1)
	draft.blog.Status = liveblog.BlogDraft
	down := cupFinal(1)
	down.err = liveblog.ErrUnavailable
	tests := []struct {
		name, path string
		store      *fakePages
		status     int
		has        string
	}{
		{"removed post names its blog", "/b/cup-final/p/" + testID(1).String(), f, 410, "Cup final, as it happened"},
		{"draft post", "/b/cup-final/p/" + testID(2).String(), f, 404, "Page not found"},
		{"unknown post", "/b/cup-final/p/" + testID(77).String(), f, 404, "Page not found"},
		{"no id", "/b/cup-final/p/1", f, 404, "Page not found"},
		{"unknown blog", "/b/nothing", f, 404, "Page not found"},
		{"unknown address", "/nothing/at/all", f, 404, "Page not found"},
		{"cursor is no number", "/b/cup-final?before=-1", f, 404, "Page not found"},
		{"tag with NUL", "/b/cup-final?tag=%00", f, 404, "Page not found"},
		{"tag that is no text", "/b/cup-final?tag=%ff", f, 404, "Page not found"},
		{"endless tag", "/b/cup-final?tag=" + strings.Repeat("a", 1000), f, 404, "Page not found"},
		{"draft that was thrown away", "/b/cup-final/p/" + testID(3).String(), f, 404, "Page not found"},
		{"draft blog", "/b/cup-final", draft, 404, "Page not found"},
		{"post of a draft blog", "/b/cup-final/p/" + testID(1).String(), draft, 404, "Page not found"},
		{"feed of a draft blog", "/b/cup-final/feed.atom", draft, 404, "Page not found"},
		{"no database", "/b/cup-final", down, 503, "right back"},
	}
	for _, test := range tests {
		w := fetch(t, newPageServer(t, test.store).Handler(), test.path)
		if w.Code != test.status || !strings.Contains(w.Body.String(), test.has) {
			t.Errorf("%s: %d, want %d with %q", test.name, w.Code, test.status, test.has)
		}
		if strings.Contains(w.Body.String(), "secret mistake") {
			t.Errorf("%s: shows a removed text", test.name)
		}
	}
	if w := fetch(t, newPageServer(t, f).Handler(), "/nothing", "Accept", "*/*"); w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("a program gets %s", w.Header().Get("Content-Type"))
	}
}

func TestHostileTextIsEscaped(t *testing.T) {
	t.Parallel()
	const hostile = `</title></script><script>alert(1)</script>"'><img src=x onerror=alert(1)>{{.}}`
	f := cupFinal(2)
	f.blog.Title = hostile
	p := &f.posts[1]
	p.Title, p.Byline, p.Tags, p.Text, p.KeyEvent = hostile, hostile, []string{hostile}, hostile, true
	f.blog.PinnedPostID = &p.ID
	h := newPageServer(t, f).Handler()
	for _, path := range []string{"/", "/b/cup-final", "/b/cup-final/p/" + p.ID.String(), "/b/cup-final?tag=" + "%3C%2Fscript%3E%3Cscript%3Ealert(1)"} {
		body := fetch(t, h, path).Body.String()
		assertNoInline(t, path, body)
		if strings.Contains(body, "<img src=x") || strings.Contains(body, "<script>alert") {
			t.Errorf("%s: hostile text became markup", path)
		}
	}
}

// assertNoInline fails for anything that the content policy would block.
func assertNoInline(t *testing.T, path, body string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		data := attr(n, "type") == "application/ld+json"
		if n.Data == "style" || n.Data == "script" && !data && n.FirstChild != nil {
			t.Errorf("%s: inline <%s>", path, n.Data)
		}
		for _, a := range n.Attr {
			if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
				t.Errorf("%s: attribute %s", path, a.Key)
			}
		}
	}
}

func TestStructuredData(t *testing.T) {
	t.Parallel()
	f := cupFinal(3)
	f.posts[2].Title, f.posts[2].Byline = `</script><b>"quoted"`, "Ada"
	body := fetch(t, newPageServer(t, f).Handler(), "/b/cup-final").Body.String()
	var data *html.Node
	for _, n := range elements(t, body, "script", "") {
		if attr(n, "type") == "application/ld+json" {
			data = n
		}
	}
	var got struct {
		Type            string `json:"@type"`
		CoverageEndTime string
		LiveBlogUpdate  []struct {
			Headline, DatePublished string
			Author                  []struct{ Name string }
		}
	}
	if err := json.Unmarshal([]byte(content(data)), &got); err != nil {
		t.Fatal(err)
	}
	if got.Type != "LiveBlogPosting" || len(got.LiveBlogUpdate) != 3 || got.CoverageEndTime != "" {
		t.Errorf("got %+v", got)
	}
	first := got.LiveBlogUpdate[0]
	if first.Headline != f.posts[2].Title || first.DatePublished != "2026-11-21T15:06:00Z" || first.Author[0].Name != "Ada" {
		t.Errorf("first update is %+v", first)
	}
}

func TestPagesAreCacheableAndSetNoCookie(t *testing.T) {
	t.Parallel()
	h := newPageServer(t, cupFinal(3)).Handler()
	for _, path := range []string{"/", "/b/cup-final", "/b/cup-final/p/" + testID(1).String(), "/b/cup-final/feed.atom", "/b/cup-final/feed.json"} {
		w := fetch(t, h, path)
		if w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "public, max-age=0, s-maxage=2, stale-while-revalidate=10" || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
		again := fetch(t, h, path, "If-None-Match", w.Header().Get("ETag"))
		if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
			t.Errorf("%s: %d with its own ETag", path, again.Code)
		}
	}
}

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	h := newPageServer(t, cupFinal(1)).Handler()
	for path, want := range map[string]string{
		"/b/cup-final": "frame-ancestors 'self'", "/nothing": "frame-ancestors 'self'",
		"/admin/": "frame-ancestors 'none'", "/api/v1/nothing": "frame-ancestors 'none'",
	} {
		w := fetch(t, h, path)
		policy := w.Header().Get("Content-Security-Policy")
		if !strings.Contains(policy, want) || strings.Contains(policy, "unsafe") || !strings.Contains(policy, "default-src 'none'") {
			t.Errorf("%s: policy %s", path, policy)
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Referrer-Policy") != "strict-origin-when-cross-origin" {
			t.Errorf("%s: %v", path, w.Header())
		}
	}
	if got := fetch(t, h, "/api/v1/nothing").Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control of the API is %q", got)
	}
}

func TestFeeds(t *testing.T) {
	t.Parallel()
	f := cupFinal(2)
	f.blog.Status = liveblog.BlogEnded
	edited := kickOff.Add(time.Hour)
	p := &f.posts[1]
	p.Title, p.EditedAt, p.Byline, p.Tags = "Tom & Jerry <draw>", &edited, "Ada", []string{"goal"}
	p.HTML = `<p><img src="/media/x/800.jpg" srcset="/media/x/400.jpg 400w, /media/x/800.jpg 800w"></p>`
	h := newPageServer(t, f).Handler()
	var atom struct {
		Entries []struct {
			ID      string `xml:"id"`
			Title   string `xml:"title"`
			Updated string `xml:"updated"`
			Content struct {
				Text string `xml:",chardata"`
			} `xml:"content"`
		} `xml:"entry"`
	}
	if err := xml.Unmarshal(fetch(t, h, "/b/cup-final/feed.atom").Body.Bytes(), &atom); err != nil {
		t.Fatal(err)
	}
	entry := atom.Entries[0]
	if len(atom.Entries) != 2 || entry.Title != p.Title || entry.Updated != edited.Format(time.RFC3339) || strings.Count(entry.Content.Text, "https://live.example/media/x/") != 3 {
		t.Errorf("entry is %+v", entry)
	}
	var feed struct {
		Expired bool
		Items   []struct {
			ID      string
			Authors []struct{ Name string }
		}
	}
	if err := json.Unmarshal(fetch(t, h, "/b/cup-final/feed.json").Body.Bytes(), &feed); err != nil {
		t.Fatal(err)
	}
	if !feed.Expired || feed.Items[0].ID != entry.ID || feed.Items[0].Authors[0].Name != "Ada" {
		t.Errorf("feed is %+v", feed)
	}
}

func TestStaticAssets(t *testing.T) {
	t.Parallel()
	s := newPageServer(t, cupFinal(1))
	body := fetch(t, s.Handler(), "/b/cup-final").Body.String()
	style := link(t, body, "stylesheet")
	w := fetch(t, s.Handler(), style, "Accept-Encoding", "br, gzip;q=0.8")
	if w.Code != http.StatusOK || w.Header().Get("Cache-Control") != pages.Immutable || w.Header().Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("%s: %d %v", style, w.Code, w.Header())
	}
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	unzipped, _ := io.ReadAll(z)
	plain := fetch(t, s.Handler(), style, "Accept-Encoding", "gzip;q=0").Body.Bytes()
	if !bytes.Equal(unzipped, plain) || bytes.Contains(plain, []byte("/*")) {
		t.Error("the two forms differ, or comments are sent")
	}
	if w := fetch(t, s.Handler(), "/static/reader.css"); w.Code != http.StatusNotFound {
		t.Errorf("an address without the hash of the content: %d", w.Code)
	}
}

// The weight of a long page is in the log of the test.
func TestPage_Weight(t *testing.T) {
	t.Parallel()
	page := fetch(t, newPageServer(t, cupFinal(50)).Handler(), "/b/cup-final", "Accept-Encoding", "gzip").Body.Len()
	t.Logf("page of 20 posts: %d bytes with gzip", page)
}
