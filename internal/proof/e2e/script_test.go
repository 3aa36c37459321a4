package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"dateline/internal/demo"
	"dateline/internal/proof/pgtest"
)

// TestE2E_ScriptIsPlayed plays an evening of posts, corrections, removals and
// pins. One reader holds a stream, one polls, one comes when all is over: each
// ends with what the database holds, and the API lists the same.
func TestE2E_ScriptIsPlayed(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	node, robot := startProcess(t, dsn), newRobot(t, dsn)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	streamed := &sseReader{client: newClient(), slug: "cup", query: url.Values{"after": {"0"}}}
	polled := &pollReader{client: newClient(), url: node.url + "/api/v1/blogs/cup/events"}
	var g errgroup.Group
	player := demo.Player{Client: demo.NewClient(node.url, robot.token), Slug: "cup", OnStep: func(s demo.Step) {
		if s.Action == demo.Open {
			g.Go(func() error { return streamed.follow(ctx, node.url, isEnd) })
			g.Go(func() error { return polled.follow(ctx) })
		}
	}}
	began := time.Now()
	if err := player.Play(ctx, demo.Script()); err != nil {
		t.Fatal(err)
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	late := &sseReader{client: newClient(), slug: "cup", query: url.Values{"after": {"0"}}}
	if err := late.follow(ctx, node.url, isEnd); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d steps in %v; the poller asked %d times", len(demo.Script()), time.Since(began).Round(time.Millisecond), polled.asked)
	w := readTruth(t, dsn, "cup")
	checkSame(t, w, map[string][]sseEvent{"stream": streamed.log, "poll": polled.log, "late stream": late.log})
	checkList(t, robot, node.url, w)
	node.noPanic()
}

func isEnd(e sseEvent) bool { return e.name == "end" }

// checkSame compares each log with the database, and the logs with each other.
func checkSame(t *testing.T, w truth, logs map[string][]sseEvent) {
	t.Helper()
	if err := w.checkLog(); err != nil {
		t.Error(err)
	}
	for name, log := range logs {
		if err := w.checkReader(log, 0); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got, want := ids(log), ids(logs["stream"]); !slices.Equal(got, want) {
			t.Errorf("%s got the events %v, the stream %v", name, got, want)
		}
	}
	t.Logf("%d events, %d posts at the end", w.head(), len(w.timeline()))
}

// ids names the events of a log by number and post.
func ids(log []sseEvent) (out []string) {
	for _, e := range log {
		var d eventData
		if json.Unmarshal([]byte(e.data), &d) == nil && d.Seq > 0 {
			out = append(out, e.id+" "+d.ID)
		}
	}
	return out
}

// checkList reads the API's list page by page and compares it with the database.
func checkList(t *testing.T, r *robot, node string, w truth) {
	t.Helper()
	var listed []eventData
	for cursor := ""; ; {
		var page struct {
			Items      []eventData
			NextCursor string `json:"next_cursor"`
			LastSeq    int64  `json:"last_seq"`
			Epoch      string
		}
		r.must(t, http.MethodGet, node+"/api/v1/blogs/cup/posts?limit=7&cursor="+cursor, nil, &page)
		if page.LastSeq != w.head() || page.Epoch != w.epoch {
			t.Errorf("the list ends at %d of %s, the log at %d of %s", page.LastSeq, page.Epoch, w.head(), w.epoch)
		}
		listed = append(listed, page.Items...)
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	timeline := w.timeline()
	if len(listed) != len(timeline) {
		t.Fatalf("the API lists %d posts of %d", len(listed), len(timeline))
	}
	for i, p := range timeline {
		if err := p.equals(listed[i]); err != nil {
			t.Errorf("place %d of the list: %v", i, err)
		}
	}
}

// pollReader follows a blog without a stream. It is used by one goroutine.
type pollReader struct {
	client *http.Client
	url    string
	log    []sseEvent
	asked  int
}

type pollAnswer struct {
	Epoch  string
	Next   int64
	Ended  bool
	Reset  json.RawMessage
	Events []struct {
		Seq  int64
		Type string
		Data json.RawMessage
	}
}

// follow asks for what comes next until the blog is over.
func (p *pollReader) follow(ctx context.Context) error {
	var next int64
	epoch := ""
	for {
		a, err := p.ask(ctx, next, epoch)
		if err != nil {
			return err
		}
		for _, e := range a.Events {
			p.log = append(p.log, sseEvent{id: fmt.Sprint(e.Seq), hasID: true, name: e.Type, data: string(e.Data), at: time.Now()})
		}
		if a.Reset != nil {
			return fmt.Errorf("the poller was told to start again: %s", a.Reset)
		}
		if a.Ended {
			return nil
		}
		next, epoch = a.Next, a.Epoch
	}
}

func (p *pollReader) ask(ctx context.Context, after int64, epoch string) (pollAnswer, error) {
	p.asked++
	var out pollAnswer
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s?after=%d&wait=20&epoch=%s", p.url, after, epoch), nil)
	if err != nil {
		return out, err
	}
	a, err := exchange(p.client, req)
	if err != nil {
		return out, err
	}
	if a.status != http.StatusOK {
		return out, fmt.Errorf("poll: %d %s", a.status, a.body)
	}
	return out, json.Unmarshal(a.body, &out)
}
