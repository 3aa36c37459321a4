package check

import (
	"fmt"
	"hash/fnv"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"dateline/internal/liveblog"
	"dateline/internal/proof/chaos/history"
)

const (
	second = int64(1e9)
	began  = int64(1_800_000_000) * second
)

// past is a whole history in memory: what a run of two nodes and four readers
// wrote down in which all went well, but for a node that was killed.
type past struct {
	run         history.Run
	db          history.Database
	writes      []history.Write
	faults      []history.Fault
	beacons     []history.Beacon
	credentials []history.Credential
	probes      []history.Probe
	samples     []history.Sample
	readers     map[string]*told
	output      string // of node 1

	clock int64
}

// told is a reader's log.
type told struct {
	who   history.Reader
	lines []history.Seen
}

// newPast plays a script, then what must still be played, then lets readers see it.
func newPast(more ...func(*past)) *past {
	p := &past{clock: began, readers: map[string]*told{}}
	p.db.Blogs = []history.BlogRow{{Slug: "b", Epoch: "e1"}}
	for _, id := range []string{"one", "two", "three"} {
		p.create(id, "text of "+id, 201)
	}
	p.edit("two")
	p.edit("two")
	p.remove("three")
	p.event(history.EventRow{Type: history.Blog, Version: 2})
	p.edit("one")
	p.kill()
	p.create("four", "text of four", 201)
	p.create("five", "text of five", 201)
	for _, f := range more {
		f(p)
	}
	p.finish()
	p.read()
	return p
}

func (p *past) tick() int64 { p.clock += second; return p.clock }

// event appends a row to the log.
func (p *past) event(row history.EventRow) int64 {
	b := &p.db.Blogs[0]
	b.Head++
	row.Blog, row.Seq, row.At = b.Slug, b.Head, p.tick()
	p.db.Events = append(p.db.Events, row)
	return row.Seq
}

func (p *past) post(id string) *history.PostRow {
	return &p.db.Posts[slices.IndexFunc(p.db.Posts, func(row history.PostRow) bool { return row.ID == id })]
}

func (p *past) create(id, text string, status int) {
	p.db.Posts = append(p.db.Posts, history.PostRow{Blog: "b", ID: id, Status: "published", Title: text})
	p.db.Keys = append(p.db.Keys, history.KeyRow{Key: "key of " + id, Post: id})
	p.change(history.Write{Op: history.Create, Key: "key of " + id, Post: id, Text: text, Status: status}, history.Post)
}

func (p *past) edit(id string) {
	text := fmt.Sprintf("text %d of %s", p.post(id).Version+1, id)
	p.change(history.Write{Op: history.Edit, Post: id, Text: text, Status: 200}, history.Update)
}

func (p *past) remove(id string) {
	p.post(id).Status = "removed"
	p.change(history.Write{Op: history.Delete, Post: id, Status: 204}, history.Remove)
}

// change stores what a write asks for and its answer.
func (p *past) change(w history.Write, kind string) {
	post := p.post(w.Post)
	post.Version++
	if w.Text != "" {
		post.Title = w.Text
	}
	p.db.Revisions = append(p.db.Revisions, history.RevisionRow{Post: post.ID, Version: post.Version, Title: post.Title, Hash: textHash(post.Title)})
	w.Seq = p.event(history.EventRow{Type: kind, Post: post.ID, Version: post.Version})
	w.Blog, w.Attempts, w.Version, w.Began, w.Ended = "b", 1, post.Version, p.clock, p.clock+second/100
	if kind == history.Remove {
		w.Seq, w.Version = 0, 0 // as the API answers
	}
	p.writes = append(p.writes, w)
}

// kill is the one fault: node 1 is gone, and its streams with it.
func (p *past) kill() {
	at := p.tick()
	p.faults = append(p.faults, history.Fault{
		ID: 1, Kind: "F2", Name: "node killed", Target: "node 1", Began: at, Ended: at, Recovered: at + 2*second,
		Allows: history.Allows{Close: true, Views: true},
	})
}

// finish adds what does not depend on the readers.
func (p *past) finish() {
	end := p.clock + 60*second
	p.run = history.Run{Seed: 7, Profile: "short", Nodes: 2, Began: began, Quiet: p.clock, Ended: end}
	p.beacons = []history.Beacon{
		{At: p.faults[0].Began - second/2, Node: 1, Blog: "b", Posts: []string{"one"}, Status: 204}, // lost with its node
		{At: began + 2*second, Node: 2, Blog: "b", Posts: []string{"one", "two"}, Status: 204},
		{At: began + 5*second, Node: 2, Blog: "b", Posts: []string{"one"}, Status: 0}, // counted
		{At: began + 5*second, Node: 2, Blog: "b", Posts: []string{"two"}, Status: 0}, // not counted
		{At: began + 5*second, Node: 2, Blog: "b", Posts: []string{"two"}, Status: 503},
	}
	p.post("one").Views, p.post("two").Views = 2, 1
	for i, standing := range []string{"valid", "revoked", "disabled", "forged", "expired"} {
		p.credentials = append(p.credentials, history.Credential{
			At: began + 20*second, Node: 1, Standing: standing, Since: began + 14*second, Does: "write", Status: 401,
		})
		if i == 0 {
			p.credentials[0].Status = 201
		}
	}
	p.credentials = append(p.credentials,
		history.Credential{At: began + 18*second, Node: 1, Standing: "revoked", Since: began + 14*second, Does: "write", Status: 201},
		history.Credential{At: began, Node: 1, Standing: "revoked", Since: began + 14*second, Does: "stream", Status: 200, OpenFor: 4 * second})
	p.probes = []history.Probe{
		{At: began + second, Node: 1, What: "page", Status: 200},
		{At: p.faults[0].Began + 1, Node: 1, What: "page", Status: 0},
	}
	for _, phase := range []string{"baseline", "load", "after"} {
		p.samples = append(p.samples, history.Sample{Node: 2, Life: 1, Phase: phase, Goroutines: 40, Files: 30, Resident: 60 << 20})
	}
	p.samples[1].Goroutines, p.samples[2].Life = 5000, 2
}

// read lets four readers follow: one whose node is killed, one that polls, one
// that comes late and gets what was, and one that is slow.
func (p *past) read() {
	head, kill := p.db.Blogs[0].Head, p.faults[0].Began
	for name, who := range map[string]history.Reader{
		"live": {How: "sse", Healthy: true}, "poll": {How: "poll", Healthy: true},
		"late": {How: "sse", Healthy: true}, "slow": {How: "slow"},
	} {
		who.Name, who.Blog = name, "b"
		p.readers[name] = &told{who: who}
	}
	live := p.readers["live"]
	live.add(history.Seen{At: began, Kind: history.Open, Seq: -1, Node: 1}, history.Seen{At: began, Kind: history.Hello, Epoch: "e1", Node: 1})
	for _, row := range p.db.Events {
		if row.At > kill && live.lines[len(live.lines)-1].At < kill {
			live.add(history.Seen{At: kill + 1, Kind: history.Closed, Why: history.Broken, Node: 1})
			p.open(live, kill+second/10, row.Seq-1)
		}
		live.add(p.delivery(row, row.At+second/50))
	}
	poll := p.readers["poll"]
	poll.add(history.Seen{At: began, Kind: history.Open, Epoch: "e1"})
	for _, row := range p.db.Events {
		poll.add(p.delivery(row, row.At+second/20))
	}
	p.open(p.readers["late"], p.clock+second, 2)
	p.open(p.readers["slow"], p.clock+second, head-1)
	for _, row := range p.db.Events[2:] {
		p.readers["late"].add(p.delivery(row, p.clock+2*second))
	}
	p.readers["late"].add(history.Seen{At: p.clock + 3*second, Kind: history.Views, Counts: map[string]int64{"one": 1, "two": 1}},
		history.Seen{At: p.clock + 4*second, Kind: history.Views, Counts: map[string]int64{"one": 2}})
	for _, r := range p.readers {
		r.add(history.Seen{At: p.run.Ended, Kind: history.Closed, Why: history.ByReader})
	}
}

// show lets a page show a text that was replaced so long before it was asked for.
func (p *past) show(title string, later int64) {
	asked := p.clock
	for _, w := range p.writes {
		if w.Op != history.Create && w.Post == strings.TrimPrefix(title, "text of ") {
			asked = w.Ended + later
			break
		}
	}
	p.probes = append(p.probes, history.Probe{At: asked + second, Took: second, Node: 2, What: "page", Status: 200, Titles: []string{title}})
}

// link gives the log chains, and tells them.
func (p *past) link() {
	before := uint64(0)
	for i, row := range p.db.Events {
		e := event{kind: row.Type, version: row.Version, at: row.At}
		if row.Post != "" {
			e.post = &post{PostRow: history.PostRow{ID: row.Post}}
		}
		before = link(before, row.Seq, e)
		p.db.Events[i].Chain = before
		for _, r := range p.readers {
			if at := r.find(p.db.Events[i].Seq); at >= 0 {
				r.lines[at].Chain = p.db.Events[i].Chain
			}
		}
	}
}

func (p *past) open(r *told, at, after int64) {
	r.add(history.Seen{At: at, Kind: history.Open, Seq: after, Epoch: "e1", Node: 2}, history.Seen{At: at + 1, Kind: history.Hello, Seq: after, Epoch: "e1", Node: 2})
}

func (t *told) add(lines ...history.Seen) { t.lines = append(t.lines, lines...) }

// delivery is an event as the product tells it at a time: with what the post is then.
func (p *past) delivery(row history.EventRow, at int64) history.Seen {
	s := history.Seen{At: at, Kind: row.Type, Seq: row.Seq, Post: row.Post, Version: row.Version, Node: 2}
	for _, later := range p.db.Events {
		if later.Post == row.Post && later.Post != "" && later.At <= at {
			s.Version = max(s.Version, later.Version)
			if later.Type == history.Remove {
				s.Kind = history.Remove
			}
		}
	}
	if s.Kind == history.Post || s.Kind == history.Update {
		s.Text = p.title(s.Post, s.Version)
		s.Hash = textHash(s.Text)
	}
	return s
}

func (p *past) title(post string, version int64) string {
	for _, row := range p.db.Revisions {
		if row.Post == post && row.Version == version {
			return row.Title
		}
	}
	return ""
}

func textHash(text string) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, text)
	return h.Sum64()
}

// find is the index of the delivery of an event in a reader's log.
func (t *told) find(seq int64) int {
	return slices.IndexFunc(t.lines, func(s history.Seen) bool {
		return s.Seq == seq && slices.Contains([]string{history.Post, history.Update, history.Remove, history.Blog}, s.Kind)
	})
}

func (t *told) line(seq int64) *history.Seen { return &t.lines[t.find(seq)] }

func (t *told) drop(seq int64) { i := t.find(seq); t.lines = slices.Delete(t.lines, i, i+1) }

// insert puts lines before the delivery of an event.
func (t *told) insert(seq int64, lines ...history.Seen) {
	t.lines = slices.Insert(t.lines, t.find(seq), lines...)
}

// save writes the history as a run does.
func (p *past) save(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, doc := range map[string]any{history.RunFile: p.run, history.DatabaseFile: p.db} {
		if err := history.Save(filepath.Join(dir, name), doc); err != nil {
			t.Fatal(err)
		}
	}
	saveLines(t, filepath.Join(dir, history.WritesFile), p.writes)
	saveLines(t, filepath.Join(dir, history.FaultsFile), p.faults)
	saveLines(t, filepath.Join(dir, history.BeaconsFile), p.beacons)
	saveLines(t, filepath.Join(dir, history.CredentialsFile), p.credentials)
	saveLines(t, filepath.Join(dir, history.ProbesFile), p.probes)
	saveLines(t, filepath.Join(dir, history.SamplesFile), p.samples)
	p.saveOutput(t, filepath.Join(dir, history.NodesDir))
	for _, name := range slices.Sorted(maps.Keys(p.readers)) {
		r := p.readers[name]
		saveLines(t, filepath.Join(dir, history.ReadersDir, name+".jsonl"), append([]any{r.who}, anys(r.lines)...))
	}
	return dir
}

func (p *past) saveOutput(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "node1.log"), []byte("{\"msg\":\"serving\"}\n"+p.output), 0o600); err != nil {
		t.Fatal(err)
	}
}

func anys(lines []history.Seen) (out []any) {
	for _, s := range lines {
		out = append(out, s)
	}
	return out
}

func saveLines[T any](t *testing.T, path string, lines []T) {
	t.Helper()
	l, err := history.NewLog(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		l.Add(line)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestLink_IsTheProductsChain compares the checker's own computation with the product's.
func TestLink_IsTheProductsChain(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse("0198a2b4-7c11-7e3f-8a55-5b8f1d2c9e01")
	at := time.UnixMicro(1_800_000_000_123_456)
	chain, number := liveblog.Genesis, uint64(0)
	for seq, ev := range []liveblog.Event{{Type: liveblog.EventPost, PostID: &id, Version: 1}, {Type: liveblog.EventBlog, Version: 2}} {
		ev.Seq, ev.At = int64(seq)+1, at
		e := event{kind: string(ev.Type), version: ev.Version, at: at.UnixNano()}
		if ev.PostID != nil {
			e.post = &post{PostRow: history.PostRow{ID: id.String()}}
		}
		chain, number = chain.Next(ev), link(number, ev.Seq, e)
		if got := fmt.Sprintf("%016x", number); got != string(chain) {
			t.Errorf("event %d: %s, the product has %s", ev.Seq, got, chain)
		}
	}
}
