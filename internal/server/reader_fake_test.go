package server

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/proof/browsertest"
	"dateline/internal/server/pages"
)

// scripted is the product's pages with a stream that does what a test says.
type scripted struct {
	t        testing.TB
	f        *fakePages
	render   *pages.Renderer
	url      string
	conns    chan *conn // each new stream
	polls    chan string
	beacons  chan string
	refuse   atomic.Int32      // how many of the next streams get 503
	answers  chan http.Handler // what the next requests for a stream get instead of one
	refusals chan http.Handler // what the next polls get instead of events
	mute     atomic.Bool       // streams open, but no byte comes
	over     atomic.Bool       // the blog has ended, as polls tell
	vanish   func()            // nobody answers at the address any more
	mux      *http.ServeMux
}

// testToken is what the scripted server gives to pages that report views.
const testToken = "token-of-a-page-0123456789"

// conn is one open stream.
type conn struct {
	s     *scripted
	query string
	last  string // Last-Event-ID
	out   chan string
	done  <-chan struct{}
}

func newScripted(t testing.TB, f *fakePages) *scripted {
	page := newPageServer(t, f)
	mux := http.NewServeMux()
	s := &scripted{
		t: t, f: f, render: newTestRenderer(t), mux: mux,
		conns: make(chan *conn, 20), answers: make(chan http.Handler, 20), refusals: make(chan http.Handler, 20), polls: make(chan string, 20), beacons: make(chan string, 20),
	}
	mux.Handle("/", page.Handler())
	mux.HandleFunc("GET /api/v1/blogs/{slug}/stream", s.stream)
	mux.HandleFunc("GET /api/v1/blogs/{slug}/events", s.poll)
	mux.HandleFunc("POST /api/v1/blogs/{slug}/views", s.views)
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	s.url = server.URL
	s.vanish = func() {
		_ = server.Listener.Close()
		server.CloseClientConnections()
	}
	return s
}

func (s *scripted) stream(w http.ResponseWriter, r *http.Request) {
	if s.refuse.Add(-1) >= 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	select {
	case answer := <-s.answers:
		answer.ServeHTTP(w, r)
		return
	default:
	}
	w.Header().Set("Content-Type", "text/event-stream")
	_ = http.NewResponseController(w).Flush()
	if s.mute.Load() {
		<-r.Context().Done()
		return
	}
	c := &conn{s: s, query: r.URL.RawQuery, last: r.Header.Get("Last-Event-ID"), out: make(chan string, 50), done: r.Context().Done()}
	s.conns <- c
	for {
		select {
		case text, open := <-c.out:
			if !open {
				return
			}
			_, _ = io.WriteString(w, text)
			_ = http.NewResponseController(w).Flush()
		case <-c.done:
			return
		}
	}
}

func (s *scripted) poll(w http.ResponseWriter, r *http.Request) {
	select {
	case s.polls <- r.URL.RawQuery:
	default:
	}
	select {
	case refusal := <-s.refusals:
		w.Header().Set("Cache-Control", "no-store") // as on all that says nothing else: a browser keeps a 410 for ever
		refusal.ServeHTTP(w, r)
		return
	default:
	}
	query := r.URL.Query()
	after, events := query.Get("after"), ""
	switch {
	case s.mute.Load() && after == "3":
		name, data := s.encode(4, liveblog.EventPost, testPost(4, "Polled", "<p>By poll</p>"))
		events = fmt.Sprintf(`{"seq":4,"type":%q,"data":%s}`, name, data)
	case query.Get("wait") != "0":
		<-r.Context().Done()
		return
	}
	_, _ = fmt.Fprintf(w, `{"epoch":%q,"head":4,"events":[%s],"next":4,"ended":%t,"token":%q}`, testEpoch, events, s.over.Load(), testToken)
}

func (s *scripted) views(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.beacons <- r.Header.Get("Content-Type") + " " + string(body)
	w.WriteHeader(http.StatusNoContent)
}

func (s *scripted) encode(seq int64, kind liveblog.EventType, p liveblog.Post) (string, string) {
	s.t.Helper()
	ev := liveblog.Event{Seq: seq, Type: kind, Slug: "cup-final", Post: &p, Version: p.Version}
	name, data, err := s.render.Encode(ev)
	if err != nil {
		s.t.Fatal(err)
	}
	return name, withSeq(seq, data)
}

// withSeq puts an event's number in front of its data, as the stream does.
func withSeq(seq int64, data []byte) string { return fmt.Sprintf(`{"seq":%d,%s`, seq, data[1:]) }

// open waits for the next stream and greets it.
func (s *scripted) open() *conn {
	s.t.Helper()
	c := receiveWithin(s.t, s.conns, "a stream")
	c.send("hello", "", fmt.Sprintf(`{"epoch":%q,"head":0,"from":0,"readers":7,"token":%q}`, testEpoch, testToken))
	return c
}

func receiveWithin[T any](t testing.TB, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(15 * time.Second):
		t.Fatalf("no %s came", what)
		panic("unreachable")
	}
}

func (c *conn) send(event, id, data string) {
	text := "event: " + event + "\n"
	if id != "" {
		text += "id: " + id + "\n"
	}
	c.out <- text + "data: " + data + "\n\n"
}

func (c *conn) post(seq int64, kind liveblog.EventType, p liveblog.Post) {
	c.s.t.Helper()
	name, data := c.s.encode(seq, kind, p)
	c.send(name, fmt.Sprint(seq), data)
}

func (c *conn) blog(seq int64, change func(*liveblog.Blog), pinned *liveblog.Post) {
	c.s.t.Helper()
	b := c.s.f.blog
	change(&b)
	name, data, err := c.s.render.Encode(liveblog.Event{Seq: seq, Type: liveblog.EventBlog, Slug: b.Slug, Blog: &b, Pinned: pinned})
	if err != nil {
		c.s.t.Fatal(err)
	}
	c.send(name, fmt.Sprint(seq), withSeq(seq, data))
}

func (c *conn) close() { close(c.out) }

func openPage(t *testing.T, s *scripted, path string, scripts ...string) *browsertest.Page {
	t.Helper()
	p := browsertest.New(t)
	for _, script := range append(scripts, record) {
		p.Before(script)
	}
	p.Open(s.url + path)
	return p
}
