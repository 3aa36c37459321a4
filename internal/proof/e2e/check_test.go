package e2e

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// eventData is what the tests read of a post or of an event's data.
type eventData struct {
	ID       string   `json:"id"`
	Seq      int64    `json:"seq"`
	Version  int64    `json:"version"`
	Position int64    `json:"position"`
	Title    string   `json:"title"`
	HTML     string   `json:"html"`
	Byline   string   `json:"byline"`
	Tags     []string `json:"tags"`
	KeyEvent bool     `json:"key_event"`
	Article  string   `json:"article"`
}

// logRow is an event as the database has it.
type logRow struct {
	Seq     int64
	Type    string
	PostID  string
	Version int64
}

// postRow is a post as the database has it.
type postRow struct {
	ID        string
	Version   int64
	Published bool
	Position  int64
	Title     string
	HTML      string
	Byline    string
	Tags      []string
	KeyEvent  bool
}

// truth is what the database holds of one blog: what all readers must end with.
type truth struct {
	epoch string
	log   []logRow
	posts map[string]postRow
	data  decoded
}

// decoded keeps what data says, since all readers get the same.
type decoded map[string]eventData

func (m decoded) get(data string) (eventData, error) {
	d, known := m[data]
	if known {
		return d, nil
	}
	err := json.Unmarshal([]byte(data), &d)
	if err == nil {
		m[data] = d
	}
	return d, err
}

func readTruth(t testing.TB, dsn, slug string) truth {
	t.Helper()
	type head struct{ Epoch string }
	out := truth{posts: map[string]postRow{}, data: decoded{}}
	out.epoch = query[head](t, dsn, `SELECT epoch FROM blogs WHERE slug = $1`, slug)[0].Epoch
	out.log = query[logRow](t, dsn, `
		SELECT seq, type, coalesce(post_id::text, '') AS post_id, version
		FROM events WHERE blog_id = (SELECT id FROM blogs WHERE slug = $1) ORDER BY seq`, slug)
	for _, p := range query[postRow](t, dsn, `
		SELECT id::text AS id, version, status = 'published' AS published, coalesce(position, 0) AS position,
			title, html, byline, tags, key_event
		FROM posts WHERE blog_id = (SELECT id FROM blogs WHERE slug = $1)`, slug) {
		out.posts[p.ID] = p
	}
	return out
}

func (w truth) head() int64 { return int64(len(w.log)) }

// timeline lists the published posts, the newest first.
func (w truth) timeline() []postRow {
	list := slices.DeleteFunc(slices.Collect(maps.Values(w.posts)), func(p postRow) bool { return !p.Published })
	slices.SortFunc(list, func(a, b postRow) int { return cmp.Compare(b.Position, a.Position) })
	return list
}

// checkLog reports the first way in which the log of the database is broken:
// numbers with a hole, or a version of a post that does not grow.
func (w truth) checkLog() error {
	versions := map[string]int64{}
	for i, row := range w.log {
		if row.Seq != int64(i)+1 {
			return fmt.Errorf("the database has event %d after %d", row.Seq, i)
		}
		if row.Version <= versions[row.PostID] {
			return fmt.Errorf("event %d has version %d after %d", row.Seq, row.Version, versions[row.PostID])
		}
		versions[row.PostID] = row.Version
	}
	return nil
}

// checkReader reports the first way in which what a reader received, from seq
// from on, is not the log: a hole, a repetition, another order, other content,
// or a reset.
func (w truth) checkReader(received []sseEvent, from int64) error {
	last := from
	for _, e := range received {
		numbered, err := w.checkEvent(e, last)
		if err != nil {
			return err
		}
		if numbered {
			last++
		}
	}
	if last != w.head() {
		return fmt.Errorf("the reader ends at %d, the log at %d", last, w.head())
	}
	return w.checkFold(w.fold(received))
}

// checkEvent checks one event of a reader who has all up to last, and tells
// whether it is one of the log.
func (w truth) checkEvent(e sseEvent, last int64) (numbered bool, err error) {
	switch e.name {
	case "reset":
		return false, fmt.Errorf("after %d the reader was told %s", last, e.data)
	case "hello":
		if e.id != strconv.FormatInt(last, 10) {
			return false, fmt.Errorf("hello starts from %q, the reader has %d", e.id, last)
		}
		return false, nil
	case "views", "ping", "bye", "end":
		if e.hasID {
			return false, fmt.Errorf("%s has the id %q", e.name, e.id)
		}
		return false, nil
	}
	if e.id != strconv.FormatInt(last+1, 10) || last >= w.head() {
		return false, fmt.Errorf("the reader got event %q after %d; the log ends at %d", e.id, last, w.head())
	}
	return true, w.checkContent(e, w.log[last])
}

// checkContent compares an event with its row. It may tell of a newer version,
// and of a removal where the post is removed by now.
func (w truth) checkContent(e sseEvent, row logRow) error {
	d, err := w.data.get(e.data)
	if err != nil {
		return fmt.Errorf("event %d: %w", row.Seq, err)
	}
	gone := e.name == "delete" && !w.posts[row.PostID].Published
	switch {
	case e.name != row.Type && !gone:
		return fmt.Errorf("event %d is a %s, in the log a %s", row.Seq, e.name, row.Type)
	case d.Seq != row.Seq || row.Type != "blog" && d.ID != row.PostID:
		return fmt.Errorf("event %d tells of event %d, post %s", row.Seq, d.Seq, d.ID)
	case d.Version < row.Version || row.Type != "blog" && d.Version > w.posts[row.PostID].Version:
		return fmt.Errorf("event %d has version %d, in the log %d", row.Seq, d.Version, row.Version)
	case (e.name == "post" || e.name == "update") && !strings.Contains(d.Article, d.ID):
		return fmt.Errorf("event %d has no article", row.Seq)
	}
	return nil
}

// fold applies events as a reader's page does: the highest version of each post wins.
func (w truth) fold(received []sseEvent) map[string]eventData {
	posts, versions := map[string]eventData{}, map[string]int64{}
	for _, e := range received {
		d, err := w.data.get(e.data)
		if !ofPost(e.name) || err != nil || d.Version < versions[d.ID] {
			continue
		}
		versions[d.ID] = d.Version
		if e.name == "delete" {
			delete(posts, d.ID)
		} else {
			posts[d.ID] = d
		}
	}
	return posts
}

func ofPost(name string) bool { return name == "post" || name == "update" || name == "delete" }

// checkFold compares what a reader ends with, who followed from the start.
func (w truth) checkFold(posts map[string]eventData) error {
	timeline := w.timeline()
	if len(posts) != len(timeline) {
		return fmt.Errorf("the reader has %d posts, the database %d", len(posts), len(timeline))
	}
	for _, p := range timeline {
		if err := p.equals(posts[p.ID]); err != nil {
			return err
		}
	}
	return nil
}

// equals reports in what a reader's post differs from the database's.
func (p postRow) equals(d eventData) error {
	if d.Version != p.Version || d.Position != p.Position || d.Title != p.Title || d.HTML != p.HTML ||
		d.Byline != p.Byline || d.KeyEvent != p.KeyEvent || !slices.Equal(d.Tags, p.Tags) {
		return fmt.Errorf("post %s: the reader has %+v, the database %+v", p.ID, d, p)
	}
	return nil
}

// frame makes an event for the test of the checker.
func frame(name string, seq int64, id string, version int64) sseEvent {
	data := fmt.Sprintf(`{"id":%q,"seq":%d,"version":%d,"position":1,"title":"t%d","tags":[],"article":"<article %s>"}`, id, seq, version, version, id)
	return sseEvent{id: strconv.FormatInt(seq, 10), hasID: true, name: name, data: data}
}

// TestCheckReader shows that the checker finds what it is there to find.
func TestCheckReader(t *testing.T) {
	t.Parallel()
	w := truth{
		data: decoded{},
		log:  []logRow{{1, "post", "a", 1}, {2, "update", "a", 2}, {3, "post", "b", 1}, {4, "delete", "b", 2}},
		posts: map[string]postRow{
			"a": {ID: "a", Version: 2, Published: true, Position: 1, Title: "t2"},
			"b": {ID: "b", Version: 2, Position: 3},
		},
	}
	one, two, three, four := frame("post", 1, "a", 1), frame("update", 2, "a", 2), frame("post", 3, "b", 1), frame("delete", 4, "b", 2)
	hello := func(id string) sseEvent { return sseEvent{name: "hello", id: id, hasID: true, data: "{}"} }
	for _, test := range []struct {
		name string
		log  []sseEvent
		want string
	}{
		{"all", []sseEvent{hello("0"), one, two, three, four}, ""},
		{"newer content", []sseEvent{frame("post", 1, "a", 2), two, frame("delete", 3, "b", 2), four}, ""},
		{"over a reconnect", []sseEvent{hello("0"), one, two, hello("2"), three, four}, ""},
		{"hole", []sseEvent{one, three, four}, `event "3" after 1`},
		{"twice", []sseEvent{one, one, two, three, four}, `event "1" after 1`},
		{"swapped", []sseEvent{two, one, three, four}, `event "2" after 0`},
		{"end missing", []sseEvent{one, two, three}, "ends at 3"},
		{"too much", []sseEvent{one, two, three, four, frame("update", 5, "a", 2)}, "the log ends at 4"},
		{"other post", []sseEvent{frame("post", 1, "b", 1), two, three, four}, "post b"},
		{"other type", []sseEvent{frame("update", 1, "a", 1), two, three, four}, "is a update"},
		{"false removal", []sseEvent{frame("delete", 1, "a", 1), two, three, four}, "is a delete"},
		{"old version", []sseEvent{one, frame("update", 2, "a", 1), three, four}, "has version 1"},
		{"version of the future", []sseEvent{frame("post", 1, "a", 3), two, three, four}, "has version 3"},
		{"reset", []sseEvent{one, {name: "reset", data: "{}"}, two, three, four}, "was told"},
		{"wrong start", []sseEvent{one, two, hello("1"), three, four}, "hello starts"},
		{"ping with id", []sseEvent{one, {name: "ping", id: "1", hasID: true}, two, three, four}, "ping has"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := w.checkReader(test.log, 0)
			if err == nil {
				err = errors.New("")
			}
			if !strings.Contains(err.Error(), test.want) || (test.want == "") != (err.Error() == "") {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	w.posts["a"] = postRow{ID: "a", Version: 2, Published: true, Position: 1, Title: "another"}
	if w.checkReader([]sseEvent{one, two, three, four}, 0) == nil {
		t.Error("another title is not noticed")
	}
}

func TestCheckLog(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		log  []logRow
		ok   bool
	}{
		{"dense", []logRow{{1, "post", "a", 1}, {2, "blog", "", 1}, {3, "update", "a", 2}}, true},
		{"hole", []logRow{{1, "post", "a", 1}, {3, "update", "a", 2}}, false},
		{"same version", []logRow{{1, "post", "a", 1}, {2, "update", "a", 1}}, false},
	} {
		if err := (truth{log: test.log}).checkLog(); (err == nil) != test.ok {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}
