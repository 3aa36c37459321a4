package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"dateline/internal/proof/eventsource"
	"dateline/internal/proof/pgtest"

	"github.com/jackc/pgx/v5"
)

// putBack makes of a database what a snapshot of it, taken at event 6, is when it
// is put back: nothing tells that it is an older state of the same database.
const putBack = `
	DELETE FROM events WHERE seq > 6;
	DELETE FROM revisions WHERE post_id IN (SELECT id FROM posts WHERE position > 6);
	DELETE FROM posts WHERE position > 6;
	UPDATE blogs SET last_seq = 6, chain = (SELECT chain FROM events WHERE blog_id = blogs.id AND seq = 6);
	SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid()`

// snapshot is a blog whose database was put back after its readers saw ten events.
type snapshot struct {
	t     *testing.T
	dsn   string
	robot *robot
	node  *process
}

// openings are what readers of event 10 come back with, for ever.
type opening struct {
	query  string
	lastID string
}

func newSnapshot(t *testing.T) (s *snapshot, kinds map[string]opening) {
	t.Helper()
	s = &snapshot{t: t, dsn: pgtest.DSN(t)}
	s.node, s.robot = startProcess(t, s.dsn), newRobot(t, s.dsn)
	s.robot.newBlog(t, s.node.url, "snapshot")
	s.publish(10, "Post")
	var list struct {
		Epoch   string
		LastSeq int64 `json:"last_seq"`
		Chain   string
	}
	s.robot.must(t, http.MethodGet, s.node.url+"/api/v1/blogs/snapshot/posts", nil, &list)
	if list.LastSeq != 10 || len(list.Chain) != 16 {
		t.Fatalf("the list says %+v", list)
	}
	return s, map[string]opening{
		"chain":   {"after=10&chain=" + list.Chain, ""},
		"all":     {"after=10&epoch=" + list.Epoch + "&chain=" + list.Chain, ""},
		"receipt": {"ids=receipt", "10." + list.Chain},
		"query":   {"ids=receipt&lastEventId=10." + list.Chain, ""},
		"epoch":   {"after=8&epoch=" + list.Epoch, "10"},
		"number":  {"after=8", "10"},
	}
}

func (s *snapshot) publish(n int, title string) {
	s.t.Helper()
	for i := range n {
		s.robot.post(s.t, s.node.url, "snapshot", fmt.Sprint(title, " ", i))
	}
}

func (s *snapshot) exec(sql string) {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.dsn)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close(s.t.Context())
	if _, err := conn.Exec(s.t.Context(), sql); err != nil {
		s.t.Fatal(err)
	}
}

// connect opens a stream as an EventSource with that URL and last event id does, and
// gives the names of its events up to the last one of the log, and the id it has then.
func (s *snapshot) connect(o opening) (names []string, lastID string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	head := number(s.t, s.dsn, `SELECT last_seq FROM blogs`)
	client := &eventsource.Client{URL: s.node.url + "/api/v1/blogs/snapshot/stream?" + o.query, LastID: o.lastID}
	open, err := client.Open(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	defer open.Close()
	for {
		e, err := open.Next()
		if err != nil {
			s.t.Fatalf("%+v after %q: %v", o, names, err)
		}
		var data struct{ From, Head, Seq int64 }
		if err := json.Unmarshal(e.Data, &data); err != nil {
			s.t.Fatal(err)
		}
		names = append(names, e.Name)
		reset := slices.Contains(names, "reset")
		if data.Seq == head || e.Name == "reset" && data.Head == head || e.Name == "hello" && data.From == head && (e.HasID || reset) {
			return names, client.LastID
		}
	}
}

// TestE2E_SnapshotPutBackUnderStoppedNodes: nothing but the chain tells, and who has
// one is told. Once told, a reader who repeats its URL goes on from the newer id.
func TestE2E_SnapshotPutBackUnderStoppedNodes(t *testing.T) {
	t.Parallel()
	s, kinds := newSnapshot(t)
	s.node.kill()
	s.exec(putBack)
	s.node = startProcess(t, s.dsn)
	s.publish(9, "Post of another history") // more than was lost
	delete(kinds, "epoch")                  // these have a hole now, as the documentation says
	delete(kinds, "number")
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		names, id := s.connect(kinds[kind])
		if !slices.Contains(names, "reset") || slices.Contains(names, "post") {
			t.Errorf("a reader with %s got %q", kind, names)
		}
		if query, hasID := strings.CutPrefix(kinds[kind].query, "ids=receipt&lastEventId="); hasID {
			kinds[kind] = opening{strings.Replace(kinds[kind].query, query, id, 1), ""}
		} else {
			kinds[kind] = opening{kinds[kind].query, id}
		}
	}
	s.publish(1, "One more")
	for kind, o := range kinds {
		if names, _ := s.connect(o); slices.Contains(names, "reset") || names[len(names)-1] != "post" {
			t.Errorf("a reader with %s who was told got %q", kind, names)
		}
	}
}

// TestE2E_SnapshotPutBackUnderLivingNodes: the node finds out, and then the epoch
// tells those who have no chain.
func TestE2E_SnapshotPutBackUnderLivingNodes(t *testing.T) {
	t.Parallel()
	s, kinds := newSnapshot(t)
	epoch := readTruth(t, s.dsn, "snapshot").epoch
	live := &sseReader{client: newClient(), slug: "snapshot", query: url.Values{"after": {"0"}}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	there, told := make(chan struct{}), make(chan error, 1)
	go func() {
		told <- live.follow(ctx, s.node.url, func(e sseEvent) bool {
			if e.hasID && e.id == "10" {
				close(there)
			}
			return e.name == "reset"
		})
	}()
	<-there
	s.exec(putBack + `; INSERT INTO events (blog_id, seq, type, version) SELECT id, 7, 'blog', 2 FROM blogs; UPDATE blogs SET last_seq = 7`)
	if err := <-told; err != nil {
		t.Fatal(err)
	}
	eventually(t, startLimit, "the blog has another epoch", func() bool { return readTruth(t, s.dsn, "snapshot").epoch != epoch })
	s.publish(9, "Post of another history")
	delete(kinds, "number")
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		names, id := s.connect(kinds[kind])
		if !slices.Contains(names, "reset") || slices.Contains(names, "post") {
			t.Errorf("a reader with %s got %q", kind, names)
		}
		if kind == "query" {
			continue
		}
		if names, _ = s.connect(opening{kinds[kind].query, id}); slices.Contains(names, "reset") {
			t.Errorf("a reader with %s who was told got %q", kind, names)
		}
	}
	s.node.noPanic()
}

// TestE2E_PlacesOfAllClients resumes by each name that clients have for the place,
// on the stream and by polls, and refuses names that only look like one.
func TestE2E_PlacesOfAllClients(t *testing.T) {
	t.Parallel()
	s, _ := newSnapshot(t)
	events := s.node.url + "/api/v1/blogs/snapshot/events?"
	for _, place := range []string{"after=4", "lastEventId=4", "lastEventID=4", "last-event-id=4", "Last-Event-ID=4", "after=1&lastEventId=4"} {
		var batch struct {
			Events []struct{ Seq int64 }
			Chain  string
		}
		s.robot.must(t, http.MethodGet, events+place, nil, &batch)
		if len(batch.Events) != 6 || batch.Events[0].Seq != 5 || batch.Chain == "" {
			t.Errorf("polled with %s: %+v", place, batch)
		}
		if names, _ := s.connect(opening{place, ""}); len(names) != 7 {
			t.Errorf("streamed with %s: %q", place, names)
		}
	}
	for place, status := range map[string]int{"last_event_id=4": 400, "LastEventID=4": 400, "After=4": 400, "lastEventId=4&Last-Event-ID=5": 400, "lastEventId=x": 400, "_=4": 200} {
		if a, err := s.robot.call(t.Context(), http.MethodGet, events+place, nil); err != nil || a.status != status {
			t.Errorf("polled with %s: %d, %v", place, a.status, err)
		}
	}
	_, err := (&eventsource.Client{URL: s.node.url + "/api/v1/blogs/snapshot/stream?last_event_id=4"}).Open(t.Context())
	refused, ok := errors.AsType[*eventsource.RefusedError](err)
	if !ok || refused.Status != http.StatusBadRequest {
		t.Errorf("a name that looks alike: %v", err)
	}
	var batch struct {
		Events []struct{ Seq int64 }
	}
	a := s.robot.must(t, http.MethodGet, events+"after=1", nil, &batch, "Last-Event-ID", "4")
	if len(batch.Events) != 6 || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("polled with the header: %+v, %q", batch, a.header.Get("Cache-Control"))
	}
}
