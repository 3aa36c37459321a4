package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dateline/internal/proof/browsertest"
	"dateline/internal/proof/pgtest"
)

// tab is a tab of any browser. Value gives what a JavaScript expression, or the
// promise that it is, comes to.
type tab interface {
	Open(url string)
	Value(expression string) string
}

// holding counts the requests that browsers hold open for news.
type holding struct {
	mu        sync.Mutex
	now, most int
	streams   int
}

func (h *holding) count(change int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now += change
	h.most = max(h.most, h.now)
	h.streams += max(change, 0)
}

// before runs a server in front of a node, over HTTP/1.1, that counts.
func (h *holding) before(t *testing.T, node string) (address string) {
	t.Helper()
	to, err := url.Parse(node)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host
	}}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wait := r.URL.Query().Get("wait")
		if strings.HasSuffix(r.URL.Path, "/stream") || wait != "" && wait != "0" {
			h.count(1)
			defer h.count(-1)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		front.CloseClientConnections()
		front.Close()
	})
	return front.URL
}

// shownBlog is what one tab shows of a blog.
type shownBlog struct {
	tab
	slug string
	desk bool
}

const (
	sharedBlogs = 8
	sharedDesks = 4
	sharedPosts = 3
)

// TestE2E_TabsShareConnections opens pages of eight blogs and four desks, one of
// them a draft's, in one browser, over HTTP/1.1, where it opens six connections.
func TestE2E_TabsShareConnections(t *testing.T) {
	t.Parallel()
	first := browsertest.New(t)
	first.Expect("net::ERR_") // the node goes before the browser
	shareTabs(t, first, func() tab {
		p := first.Tab()
		p.Expect("net::ERR_")
		return p
	})
}

func shareTabs(t *testing.T, first tab, another func() tab) {
	t.Helper()
	dsn := pgtest.DSN(t)
	node := startProcess(t, dsn, "--admin-email="+adminEmail, "--admin-password="+adminPassword)
	robot, held := newRobot(t, dsn), &holding{}
	front := held.before(t, node.url)
	var all []shownBlog
	for i := range sharedBlogs {
		all = append(all, shownBlog{slug: fmt.Sprint("blog-", i)})
		robot.newBlog(t, node.url, all[i].slug)
	}
	robot.must(t, http.MethodPost, node.url+"/api/v1/blogs", map[string]any{"slug": "draft", "title": "Draft", "status": "draft"}, nil)
	for _, slug := range []string{"draft", "blog-0", "blog-1", "blog-7"}[:sharedDesks] {
		all = append(all, shownBlog{slug: slug, desk: true})
	}
	signIn(t, first, front)
	for i := range all {
		if all[i].tab = first; i > 0 {
			all[i].tab = another()
		}
		all[i].open(t, front)
	}
	for _, f := range all {
		f.await(t, "live", "(document.querySelector('[data-testid=connection]')?.dataset.state ?? document.querySelector('.badge')?.textContent)?.toLowerCase() === 'live'")
	}
	publishFrom(t, all[len(all)-1], sharedPosts)
	for _, slug := range append([]string{"draft"}, "blog-0", "blog-1", "blog-2", "blog-3", "blog-4", "blog-5", "blog-6") {
		for i := range sharedPosts {
			robot.post(t, node.url, slug, fmt.Sprint("Post ", i))
		}
	}
	for _, f := range all {
		f.await(t, "has all posts", fmt.Sprintf("document.querySelectorAll('[data-testid=post], .feed > article').length === %d", sharedPosts))
	}
	for _, f := range all {
		if got := f.Value("String(window.seen)"); !f.desk && got != "1,2,3" {
			t.Errorf("the page of %s applied %s", f.slug, got)
		}
	}
	held.check(t)
}

func (h *holding) check(t *testing.T) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	t.Logf("%d tabs held %d connections at most, by %d streams and polls", sharedBlogs+sharedDesks, h.most, h.streams)
	if h.most > 4 {
		t.Errorf("the browser held %d connections for news", h.most)
	}
}

func signIn(t *testing.T, in tab, front string) {
	t.Helper()
	in.Open(front + "/robots.txt")
	body, err := json.Marshal(map[string]string{"email": adminEmail, "password": adminPassword})
	if err != nil {
		t.Fatal(err)
	}
	status := in.Value(fmt.Sprintf("fetch('/api/v1/session', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: %q}).then(a => String(a.status))", body))
	if status != "200" && status != "201" {
		t.Fatalf("signing in is answered %s", status)
	}
}

// open loads the page, which must not wait for what other tabs hold.
func (f shownBlog) open(t *testing.T, front string) {
	t.Helper()
	path := "/b/" + f.slug
	if f.desk {
		path = "/admin/#/blogs/" + f.slug
	}
	began := time.Now()
	f.Open(front + path)
	took := time.Since(began)
	f.Value("(window.seen = [], addEventListener('dateline:event', e => window.seen.push(e.detail.seq)), '')")
	t.Logf("%s was loaded after %v, %s", path, took.Round(time.Millisecond), f.Value("document.visibilityState"))
	if took > 10*time.Second {
		t.Errorf("%s was loaded after %v", path, took)
	}
}

func (f shownBlog) await(t *testing.T, what, expression string) {
	t.Helper()
	limit := time.Now().Add(30 * time.Second)
	for f.Value("new Promise(done => setTimeout(done, 100)).then(() => String("+expression+"))") != "true" {
		if time.Now().After(limit) {
			t.Fatalf("%s (desk: %t) is not: %s", f.slug, f.desk, what)
		}
	}
}

// publishFrom publishes from a desk's own tab, which needs a connection for it.
func publishFrom(t *testing.T, f shownBlog, posts int) {
	t.Helper()
	var all []time.Duration
	for range posts {
		began := time.Now()
		status := f.Value(fmt.Sprintf(`fetch('/api/v1/blogs/%s/posts', {method: 'POST', headers: {'Content-Type': 'application/json', 'Idempotency-Key': crypto.randomUUID()},
			body: '{"title":"Post","body":"Text"}'}).then(a => String(a.status))`, f.slug))
		if all = append(all, time.Since(began)); status != "201" {
			t.Errorf("publishing is answered %s", status)
		}
	}
	t.Logf("publishing from a desk took %v at most", slices.Max(all).Round(time.Millisecond))
	if slices.Max(all) > 5*time.Second {
		t.Error("publishing hangs")
	}
}
