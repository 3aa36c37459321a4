package load

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"dateline/internal/proof/chaos/history"
)

// told is what a fake node streams, in the format of server-sent events.
func told(w http.ResponseWriter, events ...string) {
	w.Header().Set("Content-Type", "text/event-stream")
	for _, e := range events {
		fmt.Fprint(w, e)
	}
	_ = http.NewResponseController(w).Flush()
}

func event(name string, id int64, data string) string {
	if id < 0 {
		return fmt.Sprintf("event: %s\ndata: %s\n\n", name, data)
	}
	return fmt.Sprintf("event: %s\nid: %d\ndata: %s\n\n", name, id, data)
}

func hello(epoch string, from int64) string {
	return event("hello", from, fmt.Sprintf(`{"epoch":%q,"head":%d,"from":%d,"readers":1}`, epoch, from, from))
}

func aPost(seq int64) string {
	return event("post", seq, fmt.Sprintf(`{"id":"post-%d","seq":%d,"version":1,"title":"t%d","html":"<p>\"2:1\"</p>\n","article":"x"}`, seq, seq, seq))
}

const ended = "event: end\ndata: {\"head\":9}\n\n"

// read runs a reader to its end and gives the kinds, numbers and reasons of its lines.
func read(t *testing.T, c ReaderConfig) (history.Reader, []history.Seen) {
	t.Helper()
	c.Name, c.Blog, c.Dir = "r1", "cup", t.TempDir()
	if c.MostRetry == 0 {
		c.MostRetry = time.Millisecond
	}
	if err := Read(within(t, 30*time.Second), c); err != nil {
		t.Fatal(err)
	}
	return readerLines(t, c.Dir, c.Name)
}

func short(lines []history.Seen) (out []string) {
	for _, s := range lines {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %d %s%s", s.Kind, s.Seq, s.Epoch, s.Why)))
	}
	return out
}

func wantLines(t *testing.T, lines []history.Seen, want ...string) {
	t.Helper()
	if got := short(lines); !slices.Equal(got, want) {
		t.Errorf("logged\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestRead_LogsWhatItSees(t *testing.T) {
	t.Parallel()
	f := newFakeNode(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		told(w, "retry: 2000\n\n", hello("e1", 5), aPost(6), aPost(6), aPost(8),
			event("update", 9, `{"id":"post-6","seq":7,"version":2,"title":"new","html":""}`),
			event("delete", 10, `{"id":"post-6","seq":10,"version":3}`), event("blog", 11, `{"seq":11,"title":"Cup"}`),
			event("views", -1, `{"posts":{"post-6":12},"readers":3}`), event("ping", -1, `{"head":11}`), ended)
	})
	about, lines := read(t, ReaderConfig{Target: Target{Nodes: []string{f.url}}, Start: FromNow})
	if about != (history.Reader{Name: "r1", Blog: "cup", How: "sse", Keeps: "epoch", Healthy: true}) {
		t.Errorf("about %+v", about)
	}
	wantLines(t, lines, "open -1", "hello 5 e1", "post 6", "post 6", "post 8", "update 9 seq 7 in the data", "delete 10", "blog 11",
		"views 0", "ping 0", "end 0", "closed 0 reader")
	p := lines[2]
	if p.Post != "post-6" || p.Version != 1 || p.Text != "t6" || p.Hash != hash([]byte("<p>\"2:1\"</p>\n")) || p.Node != 1 || p.At == 0 {
		t.Errorf("a post is %+v", p)
	}
	if d := lines[6]; d.Post != "post-6" || d.Version != 3 || d.Hash != 0 {
		t.Errorf("a deletion is %+v", d)
	}
	if v := lines[8]; v.Counts["post-6"] != 12 {
		t.Errorf("views are %+v", v)
	}
}

func TestRead_ReconnectsAsEventSourceDoes(t *testing.T) {
	t.Parallel()
	f := newFakeNode(t, func(n int, w http.ResponseWriter, r *http.Request) {
		switch n {
		case 0: // the list of posts
			answerJSON(w, 200, `{"items":[{"id":"x"}],"next_cursor":"","epoch":"e1","last_seq":5}`)
		case 1:
			told(w, hello("e1", 5), aPost(6))
			cut(w)
		case 2:
			told(w, "retry: 1\n\n") // come back later
		case 3:
			w.WriteHeader(http.StatusBadGateway)
		case 4:
			told(w, hello("e1", 6), event("reset", 2, `{"reason":"epoch","epoch":"e2","head":2}`), aPost(3), "event: bye\ndata: {}\n\n")
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	})
	_, lines := read(t, ReaderConfig{Target: Target{Nodes: []string{f.url}}})
	wantLines(t, lines, "open 5 e1", "hello 5 e1", "post 6", "closed 0 broken", "open 6 e1", "closed 0 server", "open 6 e1", "closed 0 refused",
		"open 6 e1", "hello 6 e1", "reset 2 e2epoch", "post 3", "bye 0", "closed 0 server", "open 3 e2", "end 0 204", "closed 0 refused")
	requests, _ := f.got()
	var asked []string
	for _, r := range requests[1:] {
		asked = append(asked, r.URL.RawQuery+" "+r.Header.Get("Last-Event-ID"))
	}
	want := []string{"after=5&epoch=e1 ", "after=5&epoch=e1 6", "after=5&epoch=e1 6", "after=6&epoch=e1 ", "after=2&epoch=e2 3"}
	if !slices.Equal(asked, want) {
		t.Errorf("asked %q, not %q", asked, want)
	}
}

func TestRead_BeginsBeyondTheLog(t *testing.T) {
	t.Parallel()
	f := newFakeNode(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		switch n {
		case 0: // the list of posts
			answerJSON(w, 200, `{"items":[],"next_cursor":"","epoch":"e1","last_seq":5}`)
		default:
			told(w, event("hello", -1, `{"epoch":"e1","head":5,"from":5}`), event("reset", 5, `{"reason":"ahead","epoch":"e1","head":5}`), aPost(6), ended)
		}
	})
	_, lines := read(t, ReaderConfig{Target: Target{Nodes: []string{f.url}}, Start: FromBeyond})
	wantLines(t, lines, "open 1000000005 e1", "hello 5 e1", "reset 5 e1ahead", "post 6", "end 0", "closed 0 reader")
}

// Where a hello goes on elsewhere, only the reset after it moves the reader: the
// stream may be cut between the two.
func TestRead_AHelloElsewhereMovesNothing(t *testing.T) {
	t.Parallel()
	f := newFakeNode(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		switch n {
		case 0:
			told(w, hello("e1", 0), aPost(1), aPost(2))
			cut(w)
		case 1:
			told(w, hello("e2", 9))
			cut(w)
		default:
			told(w, ended)
		}
	})
	_, lines := read(t, ReaderConfig{Target: Target{Nodes: []string{f.url}}, Start: FromZero})
	wantLines(t, lines, "open 0", "hello 0 e1", "post 1", "post 2", "closed 0 broken", "open 2 e1", "hello 9 e2", "closed 0 broken",
		"open 2 e1", "end 0", "closed 0 reader")
}

func TestRead_GivesASilentStreamUp(t *testing.T) {
	t.Parallel()
	f := newFakeNode(t, func(n int, w http.ResponseWriter, r *http.Request) {
		if n == 0 {
			told(w, hello("e1", 0))
			<-r.Context().Done()
			return
		}
		told(w, ended)
	})
	_, lines := read(t, ReaderConfig{Target: Target{Nodes: []string{f.url}}, Start: FromNow, Silence: 200 * time.Millisecond})
	wantLines(t, lines, "open -1", "hello 0 e1", "closed 0 silent", "open 0 e1", "end 0", "closed 0 reader")
}

func TestRead_LeavesAndComesBack(t *testing.T) {
	t.Parallel()
	f := newFakeNode(t, func(n int, w http.ResponseWriter, r *http.Request) {
		if n < 3 {
			told(w, hello("e1", 0))
			<-r.Context().Done()
			return
		}
		told(w, ended)
	})
	_, lines := read(t, ReaderConfig{Target: Target{Front: f.url, Nodes: []string{f.url}}, Start: FromNow, Leave: 50 * time.Millisecond})
	if n := len(lines); n < 9 || lines[n-2].Kind != history.End {
		t.Errorf("logged %q", short(lines))
	}
}

func TestRead_StaysOnceItIsCalm(t *testing.T) {
	t.Parallel()
	f := newFakeNode(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		told(w, hello("e1", 0))
		select {
		case <-r.Context().Done():
		case <-time.After(300 * time.Millisecond):
			told(w, ended)
		}
	})
	calm := make(chan struct{})
	close(calm)
	_, lines := read(t, ReaderConfig{Target: Target{Nodes: []string{f.url}}, Start: FromNow, Leave: time.Millisecond, Calm: calm})
	wantLines(t, lines, "open -1", "hello 0 e1", "end 0", "closed 0 reader")
}

func TestRead_ByLongPoll(t *testing.T) {
	t.Parallel()
	data := `{"id":"post-6","seq":6,"version":1,"title":"t6","html":"\u003cp\u003ex\u003c/p\u003e"}`
	f := newFakeNode(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		switch n {
		case 0:
			answerJSON(w, 200, `{"epoch":"e1","head":6,"events":[{"seq":6,"type":"post","data":%s}],"next":6,"ended":false}`, data)
		case 1:
			answerJSON(w, 200, `{"epoch":"e1","head":6,"events":[],"next":6,"ended":false}`)
		case 2:
			answerJSON(w, 503, `{}`)
		case 3:
			answerJSON(w, 200, `{"epoch":"e2","head":2,"events":[],"next":2,"ended":false,"reset":{"reason":"epoch","epoch":"e2","head":2}}`)
		case 4:
			w.Header().Set("Content-Length", "100")
			told(w, "{")
		default:
			answerJSON(w, 200, `{"epoch":"e2","head":3,"events":[{"seq":3,"type":"delete","data":{"id":"post-1","seq":3,"version":2}}],"next":3,"ended":true,"reset":null}`)
		}
	})
	about, lines := read(t, ReaderConfig{Target: Target{Nodes: []string{f.url}}, Start: FromNow, How: Poll})
	if about.How != "poll" || !about.Healthy {
		t.Errorf("about %+v", about)
	}
	wantLines(t, lines, "open -1", "hello 5 e1", "post 6", "closed 0 refused", "open 6 e1", "hello 2 e2", "reset 2 e2epoch", "closed 0 broken",
		"open 2 e2", "hello 2 e2", "delete 3", "end 0", "closed 0 reader")
	if lines[2].Hash != hash([]byte("<p>x</p>")) {
		t.Error("the text was not decoded")
	}
	requests, _ := f.got()
	if q := requests[1].URL.RawQuery; q != "wait=20&after=6&epoch=e1" {
		t.Errorf("asked %s", q)
	}
}

func TestRead_SlowlyTakesAFewBytesASecond(t *testing.T) {
	t.Parallel()
	f := newFakeNode(t, func(_ int, w http.ResponseWriter, _ *http.Request) { told(w, hello("e1", 0), ended) })
	began := time.Now()
	about, lines := read(t, ReaderConfig{Target: Target{Nodes: []string{f.url}}, Start: FromNow, How: Slow, BytesPerSecond: 150})
	wantLines(t, lines, "open -1", "hello 0 e1", "end 0", "closed 0 reader")
	if about.Healthy || time.Since(began) < 500*time.Millisecond {
		t.Errorf("it took %v, healthy %v", time.Since(began), about.Healthy)
	}
}

func TestRead_NeverSeesThatItWasGivenUp(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{})
	f := newFakeNode(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		told(w, hello("e1", 0))
		cut(w)
		close(gone)
	})
	ctx, end := context.WithCancel(within(t, 30*time.Second))
	go func() { <-gone; end() }()
	c := ReaderConfig{Name: "r1", Blog: "cup", Dir: t.TempDir(), Target: Target{Nodes: []string{f.url}}, Start: FromNow, How: Never}
	if err := Read(ctx, c); err != nil {
		t.Fatal(err)
	}
	about, lines := readerLines(t, c.Dir, c.Name)
	if about.Healthy {
		t.Error("it counts as healthy")
	}
	wantLines(t, lines, "open -1", "closed 0 server")
}
