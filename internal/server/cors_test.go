package server_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"dateline/internal/postgres"
	"dateline/internal/proof/browsertest"
	"dateline/internal/server"
)

// apiToken makes a token of these scopes.
func (d *desk) apiToken(t *testing.T, scopes string) string {
	t.Helper()
	w := d.signedIn(t, adminEmail).do("POST", "/api/v1/tokens", `{"name":"x","scopes":`+scopes+`,"expires_in_days":1}`)
	return field(t, w, "token")
}

// A page of another origin reads posts, follows the stream and publishes with a
// token; a cookie gets it nothing.
func TestCORS_PageOfAnotherOrigin(t *testing.T) {
	t.Parallel()
	room := newNewsroom(t, noLimits)
	room.addBlog(t, "cup-final", "live")
	token := room.apiToken(t, `["posts:write"]`)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(w, `<!DOCTYPE html><title>Elsewhere</title><link rel="icon" href="data:,">`)
	}))
	t.Cleanup(elsewhere.Close)
	p := browsertest.New(t)
	p.Expect("blocked by CORS policy")
	p.Expect("net::ERR_FAILED")
	p.Open(elsewhere.URL)
	browsertest.Eval[bool](p, fmt.Sprintf(`(window.base = %q, true)`, room.url+"/api/v1/blogs/cup-final"))
	if status := browsertest.Eval[string](p, `fetch(base + '/posts').then(async a => a.status + ' ' + (await a.json()).last_seq + ' ' + !!a.headers.get('X-Request-Id'))`); status != "200 0 true" {
		t.Errorf("read posts: %s", status)
	}
	browsertest.Eval[bool](p, `(window.heard = [], window.stream = new EventSource(base + '/stream'), ['hello', 'post'].forEach(type => stream.addEventListener(type, e => heard.push(type + e.lastEventId))), true)`)
	p.Wait(`heard.join() === 'hello0'`)
	published := browsertest.Eval[string](p, fmt.Sprintf(`fetch(base + '/posts', { method: 'POST', body: '{"body":"From elsewhere"}',
		headers: { Authorization: 'Bearer %s', 'Content-Type': 'application/json', 'Idempotency-Key': 'from-elsewhere-001' } })
		.then(async a => a.status + ' ' + a.headers.get('ETag') + ' ' + (await a.json()).seq)`, token))
	if published != `201 "v1" 1` {
		t.Errorf("publish with a token: %s", published)
	}
	p.Wait(`heard.join() === 'hello0,post1'`)
	if polled := browsertest.Eval[int](p, `fetch(base + '/events?after=0').then(a => a.json()).then(b => b.events.length)`); polled != 1 {
		t.Errorf("%d events by poll", polled)
	}
	if feed := browsertest.Eval[int](p, `fetch(base.replace('/api/v1/blogs', '/b') + '/feed.atom').then(a => a.status)`); feed != 200 {
		t.Errorf("feed: %d", feed)
	}
	if with := browsertest.Eval[string](p, `fetch(base + '/posts', { credentials: 'include' }).then(a => 'read', () => 'refused')`); with != "refused" {
		t.Errorf("with cookies: %s", with)
	}
}

// The browser's question is answered wherever there is something to ask, and
// only the API, feeds and pictures are for pages of other sites.
func TestCORS_Preflight(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	for _, test := range []struct {
		path   string
		status int
		shared bool
	}{
		{path: "/api/v1/blogs", status: 204, shared: true}, {path: "/api/v1/blogs/cup-final/posts", status: 204, shared: true},
		{path: "/api/v1/blogs/cup-final/stream", status: 204, shared: true}, {path: "/b/cup-final/feed.json", status: 204, shared: true},
		{path: "/b/cup-final", status: 204}, {path: "/admin/", status: 204}, {path: "/api/v1/nothing", status: 404, shared: true},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodOptions, test.path, nil)
		r.Header = http.Header{
			"Origin": {"https://elsewhere.example"}, "Access-Control-Request-Method": {"POST"}, "Sec-Fetch-Site": {"cross-site"},
			"Access-Control-Request-Headers": {"authorization,content-type,idempotency-key,if-match,if-none-match,last-event-id"},
		}
		w := httptest.NewRecorder()
		d.handler.ServeHTTP(w, r)
		h := w.Header()
		if w.Code != test.status || (h.Get("Access-Control-Allow-Origin") == "*") != test.shared || h.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: %d %v", test.path, w.Code, h)
		}
		if test.status != http.StatusNoContent {
			continue
		}
		if !strings.Contains(h.Get("Allow"), "GET") {
			t.Errorf("%s: allowed is %q", test.path, h.Get("Allow"))
		}
		allowed := strings.ToLower(h.Get("Access-Control-Allow-Headers"))
		for name := range strings.SplitSeq(r.Header.Get("Access-Control-Request-Headers"), ",") {
			if strings.Contains(allowed, name) != test.shared {
				t.Errorf("%s: %s is not as it should be in %q", test.path, name, allowed)
			}
		}
	}
}

// A session is not taken from a page of another origin, not even of the same site.
func TestCORS_CookiesOfOtherOriginsAreNotTaken(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "https://live.example.org")
	signed := d.signedIn(t, adminEmail)
	for _, test := range []struct {
		site, origin string
		status       int
	}{
		{"same-origin", "", 200}, {"none", "", 200}, {"same-site", "https://other.example.org", 401}, {"cross-site", "https://evil.example", 401},
		{"", "https://evil.example", 401}, {"", "https://live.example.org", 200}, {"same-site", "", 401},
	} {
		c := &client{d.handler, signed.cookies, http.Header{}}
		for name, value := range map[string]string{"Sec-Fetch-Site": test.site, "Origin": test.origin} {
			if value != "" {
				c.header.Set(name, value)
			}
		}
		if w := c.do("GET", "/api/v1/session", ""); w.Code != test.status {
			t.Errorf("%+v: %d %s", test, w.Code, w.Body)
		}
	}
}

// newBuiltNewsroom is a newsroom with an editors' page.
func newBuiltNewsroom(t *testing.T) *newsroom {
	t.Helper()
	return newNewsroomWith(t, noLimits, func(o *server.Options, _ *postgres.DB) {
		file := &fstest.MapFile{Data: []byte("<!DOCTYPE html><title>Page</title>")}
		o.Admin = fstest.MapFS{"index.html": file, "docs/index.html": file, "assets/x.js": file}
	})
}

// answer asks and gives the status and the body, of which a stream's is not read.
func (n *newsroom) answer(t *testing.T, method, path string, signed *client) (status int, body int64, h http.Header) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, n.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range signed.cookies {
		r.AddCookie(c)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode, res.ContentLength, res.Header
}

// HEAD tells of every address what GET does, and opens no stream.
func TestHEAD_WhereverGETIs(t *testing.T) {
	t.Parallel()
	room := newBuiltNewsroom(t)
	room.addBlog(t, "cup-final", "live")
	post := room.anyPost(t, "cup-final").String()
	signed := room.signedIn(t, adminEmail)
	fill := strings.NewReplacer(":slug", "cup-final", ":user_id", room.admin.ID.String(), ":id", post, ":name", "x", "*file", "")
	heads := map[string]bool{}
	for _, r := range room.server.Routes() {
		heads[r.Path] = heads[r.Path] || r.Method == http.MethodHead
	}
	for _, r := range room.server.Routes() {
		if r.Method != http.MethodGet {
			continue
		}
		path := fill.Replace(r.Path)
		if !heads[r.Path] {
			t.Errorf("no HEAD %s", r.Path)
			continue
		}
		head, _, h := room.answer(t, http.MethodHead, path, signed)
		if streams := room.hub.Streams(); streams != 0 {
			t.Errorf("HEAD %s opened a stream", path)
		}
		get, _, g := room.answer(t, http.MethodGet, path, signed)
		if head != get || h.Get("Content-Type") != g.Get("Content-Type") || head == http.StatusMethodNotAllowed {
			t.Errorf("%s: HEAD %d %q, GET %d %q", path, head, h.Get("Content-Type"), get, g.Get("Content-Type"))
		}
	}
}

// A slash too many leads to the page, and to no other site.
func TestRedirect_SlashAtTheEnd(t *testing.T) {
	t.Parallel()
	room := newNewsroom(t, noLimits)
	room.addBlog(t, "cup-final", "live")
	post := room.anyPost(t, "cup-final").String()
	for path, to := range map[string]string{
		"/b/cup-final/": "/b/cup-final", "/b/cup-final/?tag=goal": "/b/cup-final?tag=goal", "/b/cup-final//": "/b/cup-final",
		"/b/cup-final/feed.atom/": "/b/cup-final/feed.atom", "/b/cup-final/p/" + post + "/": "/b/cup-final/p/" + post, "/robots.txt/": "/robots.txt",
		"/livez/": "/livez", "//evil.example/": "", "/%5Cevil.example/": "/%5Cevil.example", "/api/v1/blogs/": "", "///": "",
	} {
		for _, method := range []string{"GET", "HEAD"} {
			r := httptest.NewRequestWithContext(t.Context(), method, "http://x"+path, nil)
			w := httptest.NewRecorder()
			room.handler.ServeHTTP(w, r)
			if got := w.Header().Get("Location"); got != to || to != "" && w.Code != http.StatusPermanentRedirect || to == "" && w.Code != http.StatusNotFound {
				t.Errorf("%s %s: %d to %q, want %q", method, path, w.Code, got, to)
			}
		}
	}
	if w := room.browser().do("POST", "/b/cup-final/", "x"); w.Code != http.StatusNotFound {
		t.Errorf("a change was redirected: %d", w.Code)
	}
}
