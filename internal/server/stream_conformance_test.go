package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"testing"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/proof/browsertest"
	"dateline/internal/proof/eventsource"
	"dateline/internal/proof/eventsource/conformance"
	"dateline/internal/stream"
	"dateline/internal/wire"

	"github.com/google/uuid"
)

// pastLog is the log of a blog that has ended: each text was a post, and the
// last the blog's title.
type pastLog struct{ events []liveblog.Event }

func newPastLog() *pastLog {
	l := &pastLog{}
	for i, text := range conformance.Texts() {
		post := testPost(i+1, text.Text, text.Text)
		post.Byline, post.Tags = text.Text, []string{text.Text}
		l.events = append(l.events, liveblog.Event{Seq: int64(i + 1), Type: liveblog.EventPost, Slug: "cup-final", PostID: &post.ID, Post: &post, Version: 1, At: time.Now()})
	}
	blog := cupFinal(0).blog
	blog.Status, blog.Title = liveblog.BlogEnded, "a\n\nevent: end\rdata: \u2028\x00"
	l.events = append(l.events, liveblog.Event{Seq: int64(len(l.events) + 1), Type: liveblog.EventBlog, Slug: "cup-final", Blog: &blog, At: time.Now()})
	chain := liveblog.Genesis
	for i := range l.events {
		chain = chain.Next(l.events[i])
		l.events[i].Chain = chain
	}
	return l
}

// RenewEpochs is for logs that change.
func (l *pastLog) RenewEpochs(context.Context, liveblog.Head) error { return nil }

func (l *pastLog) Heads(context.Context, []uuid.UUID) ([]liveblog.Head, error) {
	return []liveblog.Head{{BlogID: testID(999), Epoch: testEpoch, Status: liveblog.BlogEnded, LastSeq: int64(len(l.events)), Chain: l.events[len(l.events)-1].Chain}}, nil
}

func (l *pastLog) EventsAfter(_ context.Context, _ uuid.UUID, after int64, limit int) ([]liveblog.Event, error) {
	rest := l.events[after:]
	return rest[:min(limit, len(rest))], nil
}

type noMetrics struct{}

func (noMetrics) Fetched(int)                {}
func (noMetrics) Delivered(int)              {}
func (noMetrics) Latency(time.Duration, int) {}
func (noMetrics) Reset(string)               {}
func (noMetrics) Closed(string)              {}

// serveLog serves the stream of a log as the product does.
func serveLog(t *testing.T, log stream.Log) *httptest.Server {
	t.Helper()
	hub := stream.New(log, newTestRenderer(t).Encode, noMetrics{}, stream.Limits{Streams: 100, PerAddress: 100})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); hub.Run(ctx) }()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/stream" {
			return
		}
		after, err := strconv.ParseInt(cmp.Or(r.Header.Get("Last-Event-ID"), r.URL.Query().Get("after")), 10, 64)
		if err != nil {
			t.Error(err)
		}
		hub.Serve(w, r, stream.Request{BlogID: testID(999), Position: stream.Position{After: after, HasAfter: true}, Address: "192.0.2.1"})
	}))
	t.Cleanup(func() { site.Close(); cancel(); <-done })
	return site
}

// TestStream_ParsersAgree reads our own stream, of texts that a careless writer
// gets wrong, with a parser made from the specification and with a browser's.
func TestStream_ParsersAgree(t *testing.T) {
	t.Parallel()
	log := newPastLog()
	site := serveLog(t, log)
	events := readStream(t, site.URL+"/stream?after=0")
	for i, text := range conformance.Texts() {
		var post wire.Post
		err := json.Unmarshal([]byte(events[i+1].Data), &post)
		want := string([]rune(text.Text))
		if err != nil || post.Seq != int64(i+1) || post.Title != want || post.HTML != want || events[i+1].ID != fmt.Sprint(i+1) {
			t.Errorf("%s: %v, got %.300q", text.Name, err, events[i+1])
		}
	}
	p := browsertest.New(t)
	p.Open(site.URL)
	if got := browsertest.Eval[[]conformance.Message](p, readInBrowser); !slices.Equal(got, events) {
		t.Errorf("the browser reads\n%.2000q, the parser\n%.2000q", got, events)
	}
}

func readStream(t *testing.T, url string) (events []conformance.Message) {
	t.Helper()
	source := &eventsource.Client{URL: url}
	s, err := source.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for {
		e, err := s.Next()
		if errors.Is(err, io.EOF) {
			return events
		}
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, conformance.Message{Name: e.Name, ID: e.ID, Data: string(e.Data)})
	}
}

// readInBrowser ends with the 204 that a reader gets who has all.
const readInBrowser = `new Promise(done => {
	const source = new EventSource('/stream?after=0'), events = []
	for (const name of ['hello', 'post', 'update', 'delete', 'blog', 'views', 'ping', 'reset', 'bye', 'end', 'message'])
		source.addEventListener(name, e => events.push({ Name: e.type, ID: e.lastEventId, Data: e.data }))
	source.onerror = () => source.readyState === 2 && done(events)
})`
