package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/postgres"
	"dateline/internal/proof/eventsource"
	"dateline/internal/server"
	"dateline/internal/server/pages"
	"dateline/internal/stream"
	"dateline/internal/views"
	"dateline/web"

	"github.com/google/uuid"
)

// quiet is a hub's metrics that nobody reads.
type quiet struct{}

func (quiet) Fetched(int)                {}
func (quiet) Delivered(int)              {}
func (quiet) Latency(time.Duration, int) {}
func (quiet) Reset(string)               {}
func (quiet) Closed(string)              {}

var noLimits = stream.Limits{}

// newsroom is a desk whose blogs can be followed, at an address.
type newsroom struct {
	*desk
	url   string
	hub   *stream.Hub
	views *views.Batcher
}

// newNewsroom runs a hub of these limits until the test ends.
func newNewsroom(t *testing.T, limits stream.Limits) *newsroom {
	t.Helper()
	return newNewsroomWith(t, limits, func(*server.Options, *postgres.DB) {})
}

// newNewsroomWith is newNewsroom with parts of a test's own.
func newNewsroomWith(t *testing.T, limits stream.Limits, change func(*server.Options, *postgres.DB)) *newsroom {
	t.Helper()
	n := &newsroom{}
	n.desk = newDeskWith(t, "http://example.org", func(o *server.Options, db *postgres.DB) {
		renderer, err := pages.NewRenderer(web.Templates, web.Assets)
		if err != nil {
			t.Fatal(err)
		}
		n.hub = stream.New(db, renderer.Encode, quiet{}, limits)
		n.views = views.New(db, n.hub, uuid.New())
		db.OnWrite(func(id uuid.UUID, seq int64) { n.hub.Wake(id, seq) })
		o.Hub, o.Views, o.Renderer, o.Pages, o.Outdated = n.hub, n.views, renderer, db, n.hub.Outdated
		o.PageTokens = limits.PerAddress
		change(o, db)
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); n.hub.Run(ctx) }()
	s := httptest.NewServer(n.handler)
	n.url = s.URL
	t.Cleanup(func() { s.CloseClientConnections(); s.Close(); cancel(); <-done })
	n.admin = n.addUser(t, adminEmail, liveblog.RoleAdmin)
	return n
}

// publish posts n texts.
func (n *newsroom) publish(t *testing.T, slug string, posts int) {
	t.Helper()
	editor := n.signedIn(t, adminEmail)
	for i := range posts {
		if w := editor.do("POST", "/api/v1/blogs/"+slug+"/posts", fmt.Sprintf(`{"body":"Post %d"}`, i)); w.Code != http.StatusCreated {
			t.Fatalf("publish: %d %s", w.Code, w.Body)
		}
	}
}

// get asks as a reader does.
func (n *newsroom) get(ctx context.Context, path string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, n.url+path, nil)
	if err != nil {
		return nil, err
	}
	return http.DefaultClient.Do(r)
}

// burstReader follows a blog by a stream or, where it is sent on, by polls.
type burstReader struct {
	room  *newsroom
	seq   int64
	polls string // where it was sent on to
	ready sync.Once
	here  *sync.WaitGroup // who is let in or sent on, is done
}

// follow returns when the reader has all events up to want.
func (r *burstReader) follow(ctx context.Context, slug string, want int64) error {
	res, err := r.room.get(ctx, "/api/v1/blogs/"+slug+"/stream?after=0")
	if err != nil {
		return err
	}
	defer res.Body.Close()
	p := eventsource.NewParser(bufio.NewReader(res.Body))
	for r.seq < want && r.polls == "" {
		e, err := p.Next()
		if err != nil {
			return err
		}
		if err := r.take(e.Name, e.Data); err != nil {
			return err
		}
		r.ready.Do(r.here.Done)
	}
	for r.seq < want {
		if err := r.poll(ctx); err != nil {
			return err
		}
	}
	return nil
}

// take notes an event of the stream.
func (r *burstReader) take(name string, data []byte) error {
	var event struct {
		Seq          int64
		Reason, Poll string
	}
	if err := json.Unmarshal(data, &event); err != nil {
		return err
	}
	switch {
	case name == "bye" && event.Reason != "node_limit":
		return fmt.Errorf("refused for %q", event.Reason)
	case name == "bye":
		r.polls = event.Poll
	case event.Seq > 0 && event.Seq != r.seq+1:
		return fmt.Errorf("event %d after %d", event.Seq, r.seq)
	case event.Seq > 0:
		r.seq = event.Seq
	}
	return nil
}

// poll asks for what comes next, and waits for a moment when there is nothing.
func (r *burstReader) poll(ctx context.Context) error {
	res, err := r.room.get(ctx, fmt.Sprintf("%s?after=%d&wait=20", r.polls, r.seq))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var batch stream.Batch
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("poll: %s", res.Status)
	}
	if !strings.HasPrefix(res.Header.Get("Cache-Control"), "public, max-age=") {
		return fmt.Errorf("not for caches: %q", res.Header.Get("Cache-Control"))
	}
	if err := json.NewDecoder(res.Body).Decode(&batch); err != nil {
		return err
	}
	for _, e := range batch.Events {
		if err := r.take(e.Type, e.Data); err != nil {
			return err
		}
	}
	if len(batch.Events) > 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Second):
		return nil
	}
}

// Readers for whom a node has no stream left are sent on to polls, and are as
// current as the others within five seconds.
func TestCrowd_OverTheStreamLimitAllAreCurrent(t *testing.T) {
	t.Parallel()
	const limit, readers, posts = 10, 100, 3
	room := newNewsroom(t, stream.Limits{Streams: limit})
	room.addBlog(t, "cup-final", "live")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var here, all sync.WaitGroup
	here.Add(readers)
	crowd := make([]*burstReader, readers)
	for i := range crowd {
		r := &burstReader{room: room, here: &here}
		crowd[i] = r
		all.Go(func() {
			if err := r.follow(ctx, "cup-final", posts); err != nil {
				t.Error(err)
				r.ready.Do(here.Done)
			}
		})
	}
	here.Wait()
	room.publish(t, "cup-final", posts)
	published := time.Now()
	all.Wait()
	if took := time.Since(published); took > 5*time.Second {
		t.Errorf("all are current after %s", took)
	}
	polling := 0
	for _, r := range crowd {
		if r.polls != "" {
			polling++
		}
	}
	if polling != readers-limit {
		t.Errorf("%d of %d readers poll at a limit of %d streams", polling, readers, limit)
	}
}
