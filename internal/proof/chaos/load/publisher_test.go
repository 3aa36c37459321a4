package load

import (
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dateline/internal/apiclient"
	"dateline/internal/proof/chaos/history"
)

// publish runs a publisher against a node and gives what it logged.
func publish(t *testing.T, ctx context.Context, c PublisherConfig) []history.Write {
	t.Helper()
	path := filepath.Join(t.TempDir(), history.WritesFile)
	log, err := history.NewLog(path)
	if err != nil {
		t.Fatal(err)
	}
	c.Name, c.Blog, c.Log = "p1", "cup", log
	if err := Publish(ctx, c); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	return linesOf[history.Write](t, path)
}

// titleOf is the title that a request asked for.
func titleOf(body string) string {
	var p post
	_ = json.Unmarshal([]byte(body), &p)
	return p.Title
}

func TestPublish_AsksTheSameUntilTheAnswerIsDefinite(t *testing.T) {
	t.Parallel()
	f := newFakeNode(t, func(n int, w http.ResponseWriter, r *http.Request) {
		switch n {
		case 0:
			cut(w)
		case 1:
			<-r.Context().Done()
		case 2, 3, 4, 5:
			answerJSON(w, []int{429, 502, 503, 504}[n-2], `{}`)
		default:
			w.Header().Set("Idempotent-Replayed", "true")
			answerJSON(w, 201, `{"id":"post-1","seq":7,"version":1}`)
		}
	})
	tally, tracker := &Tally{}, NewTracker()
	began := time.Now()
	log := publish(t, within(t, 30*time.Second), PublisherConfig{
		Target: Target{Nodes: []string{f.url}}, Most: 1, Timeout: 300 * time.Millisecond, Tally: tally, Tracker: tracker,
	})
	if len(log) != 1 {
		t.Fatalf("%d operations", len(log))
	}
	w := log[0]
	if w.Op != history.Create || w.Status != 201 || w.Seq != 7 || w.Version != 1 || w.Post != "post-1" || !w.Replayed || w.Attempts != 7 {
		t.Errorf("logged %+v", w)
	}
	if w.Slowest < int64(300*time.Millisecond) || w.Began < began.UnixNano() || w.Ended <= w.Began {
		t.Errorf("times: %+v", w)
	}
	requests, bodies := f.got()
	for i, r := range requests {
		if r.Header.Get("Idempotency-Key") != w.Key || bodies[i] != bodies[0] || titleOf(bodies[i]) != w.Text {
			t.Errorf("attempt %d is another request: %s %s", i, r.Header.Get("Idempotency-Key"), bodies[i])
		}
	}
	if got := tally.Statuses(); got[0] != 2 || got[503] != 1 || got[201] != 1 {
		t.Errorf("answers %v", got)
	}
	if n, _ := tally.Unavailable(began, time.Now()); n != 1 {
		t.Errorf("%d refusals", n)
	}
	if c := tracker.course("cup"); len(c.writes) != 8 || c.writes[7].acked == 0 {
		t.Errorf("tracked %v", c.writes)
	}
}

func TestPublish_GoesElsewhereAfterAFailure(t *testing.T) {
	t.Parallel()
	away := newFakeNode(t, func(_ int, w http.ResponseWriter, _ *http.Request) { cut(w) })
	node := newFakeNode(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, 201, `{"id":"p","seq":1,"version":1}`)
	})
	log := publish(t, within(t, 30*time.Second), PublisherConfig{Target: Target{Front: away.url, Nodes: []string{node.url}}, Most: 3})
	if len(log) != 3 || log[0].Status != 201 || log[0].Attempts != 2 || log[1].Attempts != 1 {
		t.Errorf("logged %+v", log)
	}
}

// A publisher without a key for its request finds out whether it was done.
func TestPublish_ResolvesARefusalByReading(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		deletes bool
		refusal string // to the second attempt of a change; TITLE is what was asked for
		status  int
		read    string // what GET says
		reads   int    // its status
		want    history.Write
		next    string // the operation after it, with its If-Match
	}{
		"412 with our title": {refusal: `{"current":{"id":"post-1","version":2,"status":"published","title":TITLE}}`, status: 412,
			want: history.Write{Status: 200, Version: 2}, next: `PATCH "v2"`},
		"412 with another": {refusal: `{"current":{"id":"post-1","version":5,"status":"published","title":"x"}}`, status: 412,
			want: history.Write{Status: 412}, next: `PATCH "v5"`},
		"412 without current": {refusal: `{}`, status: 412, read: `{"id":"post-1","version":2,"status":"published","title":TITLE}`, reads: 200,
			want: history.Write{Status: 200, Version: 2}, next: `PATCH "v2"`},
		"lost":        {refusal: `{}`, status: 404, read: `{}`, reads: 404, want: history.Write{Status: 404}, next: `POST `},
		"deleted":     {deletes: true, refusal: `{}`, status: 410, read: `{}`, reads: 410, want: history.Write{Status: 200}, next: `POST `},
		"deleted too": {deletes: true, refusal: `{"current":{"id":"post-1","version":2,"status":"removed"}}`, status: 412, want: history.Write{Status: 200, Version: 2}, next: `POST `},
		"not deleted": {deletes: true, refusal: `{}`, status: 404, read: `{"id":"post-1","version":1,"status":"published"}`, reads: 200,
			want: history.Write{Status: 404}, next: `DELETE "v1"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changes := 0
			f := newFakeNode(t, func(int, http.ResponseWriter, *http.Request) {})
			f = newFakeNode(t, func(n int, w http.ResponseWriter, r *http.Request) {
				_, bodies := f.got()
				quoted := string(apiclient.JSON(titleOf(bodies[n])))
				switch {
				case r.Method == http.MethodPost:
					answerJSON(w, 201, `{"id":"post-1","seq":1,"version":1}`)
				case r.Method == http.MethodGet:
					answerJSON(w, test.reads, "%s", strings.ReplaceAll(test.read, "TITLE", string(apiclient.JSON(titleOf(bodies[n-1])))))
				case changes == 0:
					changes++
					cut(w)
				case changes == 1:
					changes++
					answerJSON(w, test.status, "%s", strings.ReplaceAll(test.refusal, "TITLE", quoted))
				default:
					answerJSON(w, 200, `{"id":"post-1","seq":3,"version":9}`)
				}
			})
			c := PublisherConfig{Target: Target{Nodes: []string{f.url}}, Most: 3, Edits: 100}
			if test.deletes {
				c.Edits, c.Deletes = 0, 100
			}
			log := publish(t, within(t, 30*time.Second), c)
			if len(log) != 3 {
				t.Fatalf("%d operations", len(log))
			}
			if w := log[1]; w.Status != test.want.Status || w.Version != test.want.Version || w.Seq != 0 || w.Post != "post-1" || w.Attempts != 2 {
				t.Errorf("logged %+v", w)
			}
			requests, _ := f.got()
			last := requests[len(requests)-1]
			if got := last.Method + " " + last.Header.Get("If-Match"); got != test.next {
				t.Errorf("then %s, not %s", got, test.next)
			}
		})
	}
}

func TestPublish_AsksForAWhileAfterTheEnd(t *testing.T) {
	t.Parallel()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	f := newFakeNode(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if end(); n < 3 {
			cut(w)
			return
		}
		answerJSON(w, 201, `{"id":"p","seq":1,"version":1}`)
	})
	log := publish(t, ctx, PublisherConfig{Target: Target{Nodes: []string{f.url}}})
	if len(log) != 1 || log[0].Status != 201 || log[0].Attempts != 4 {
		t.Errorf("logged %+v", log)
	}
}

func TestPublish_LeavesWhatIsUnknownOpen(t *testing.T) {
	t.Parallel()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	f := newFakeNode(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		end()
		cut(w)
	})
	log := publish(t, ctx, PublisherConfig{Target: Target{Nodes: []string{f.url}}, Grace: 100 * time.Millisecond})
	if len(log) != 1 || log[0].Status != 0 || log[0].Attempts == 0 {
		t.Errorf("logged %+v", log)
	}
}

func TestPublish_TheSeedDecides(t *testing.T) {
	t.Parallel()
	asked := func(seed uint64) []string {
		f := newFakeNode(t, func(_ int, w http.ResponseWriter, r *http.Request) {
			answerJSON(w, 200, `{"id":"p","seq":1,"version":1}`)
		})
		publish(t, within(t, 30*time.Second), PublisherConfig{Seed: seed, Target: Target{Nodes: []string{f.url}}, Most: 60})
		requests, bodies := f.got()
		for i, r := range requests {
			bodies[i] += r.Method + r.URL.Path + r.Header.Get("Idempotency-Key")
		}
		return bodies
	}
	first := asked(1)
	if !slices.Equal(first, asked(1)) {
		t.Error("the same seed asks for something else")
	}
	if slices.Equal(first, asked(2)) {
		t.Error("another seed asks for the same")
	}
	titles := map[string]bool{}
	for _, body := range first {
		body, _, _ = strings.Cut(body, "}")
		if title := titleOf(body + "}"); title != "" && titles[title] {
			t.Errorf("%q twice", title)
		} else {
			titles[title] = true
		}
	}
}
