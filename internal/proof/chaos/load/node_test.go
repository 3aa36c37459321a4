package load

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"dateline/internal/auth"
	"dateline/internal/liveblog"
	"dateline/internal/postgres"
	"dateline/internal/proof/chaos/history"
	"dateline/internal/proof/pgtest"
	"dateline/internal/server"
	"dateline/internal/server/pages"
	"dateline/internal/stream"
	"dateline/internal/views"
	"dateline/internal/wait"
	"dateline/web"

	"github.com/google/uuid"
)

// deaf hears of what a hub does and forgets it.
type deaf struct{}

func (deaf) Fetched(int)                {}
func (deaf) Delivered(int)              {}
func (deaf) Latency(time.Duration, int) {}
func (deaf) Reset(string)               {}
func (deaf) Closed(string)              {}

// node is the product in this process, on a database of its own.
type node struct {
	db  *postgres.DB
	url string
}

func newNode(t *testing.T) *node {
	t.Helper()
	db := pgtest.New(t)
	render, err := pages.NewRenderer(web.Templates, web.Assets)
	if err != nil {
		t.Fatal(err)
	}
	hub := stream.New(db, render.Encode, deaf{}, stream.Limits{Streams: 1000, PerBlog: 1000, PerAddress: 1000, PerSecond: 1000})
	batcher := views.New(db, hub, uuid.New())
	db.OnWrite(hub.Wake)
	background(t, hub.Run, batcher.Run)
	stored, err := db.SigningKeys(t.Context(), liveblog.Actor{})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := auth.NewKeys(stored, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Options{
		Ready: db.Ping, Blogs: db, Posts: db, Pages: db, Media: db, Counts: db, Auth: auth.NewService(db, keys, time.Now), Setup: db,
		Users: db, Tokens: db, Members: db, Hub: hub, Outdated: hub.Outdated, Views: batcher, Renderer: render,
	})
	if err != nil {
		t.Fatal(err)
	}
	listening := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		listening.CloseClientConnections()
		listening.Close()
	})
	return &node{db, listening.URL}
}

// background runs parts until the test has ended.
func background(t *testing.T, parts ...func(context.Context)) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var all sync.WaitGroup
	for _, run := range parts {
		all.Go(func() { run(ctx) })
	}
	t.Cleanup(func() {
		cancel()
		all.Wait()
	})
}

func (n *node) token(t *testing.T) string {
	t.Helper()
	token := &liveblog.Token{Scopes: []liveblog.Scope{liveblog.ScopeRead, liveblog.ScopePostWrite}}
	secret := auth.NewToken(token, time.Now(), time.Hour)
	if err := n.db.CreateToken(t.Context(), liveblog.Actor{}, token); err != nil {
		t.Fatal(err)
	}
	return secret
}

func (n *node) addBlog(t *testing.T, slug, status string) {
	t.Helper()
	_, err := n.db.Pool().Exec(t.Context(), `INSERT INTO blogs (id, slug, title, status) VALUES (gen_random_uuid(), $1, 'Title', $2)`, slug, status)
	if err != nil {
		t.Fatal(err)
	}
}

// What the clients write down must fit together when nothing goes wrong: this
// holds them and the product's wire format to each other.
func TestClients_WithTheProduct(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.addBlog(t, "cup", "live")
	dir, tracker := t.TempDir(), NewTracker()
	target := Target{Nodes: []string{n.url}}
	reading, stop := context.WithCancel(within(t, 60*time.Second))
	var readers sync.WaitGroup
	for name, how := range map[string]string{"r-sse": SSE, "r-poll": Poll} {
		c := ReaderConfig{Name: name, Target: target, Blog: "cup", How: how, Start: FromZero, Wait: time.Second, Dir: dir, Tracker: tracker}
		readers.Go(func() {
			if err := Read(reading, c); err != nil {
				t.Error(err)
			}
		})
	}
	writes, done := logTo[history.Write](t)
	c := PublisherConfig{Name: "p1", Seed: 1, Target: target, Blog: "cup", Token: n.token(t), Edits: 30, Deletes: 10, Most: 150, Log: writes, Tracker: tracker}
	if err := Publish(within(t, 60*time.Second), c); err != nil {
		t.Fatal(err)
	}
	log := done()
	awaitHead(t, tracker, int64(len(log)))
	stop()
	readers.Wait()
	for _, name := range []string{"r-sse", "r-poll"} {
		compare(t, name, dir, log)
	}
	if d := tracker.Delays(time.Time{}, time.Now()); d.Deliveries == 0 || d.Began.Max == 0 {
		t.Errorf("delays %+v", d)
	}
}

// awaitHead waits until all readers have come to an event.
func awaitHead(t *testing.T, tracker *Tracker, head int64) {
	t.Helper()
	ctx := within(t, 30*time.Second)
	for f, there := range tracker.all() {
		for f.position() < head {
			if !there || !wait.For(ctx, 5*time.Millisecond) {
				t.Fatalf("a reader is at %d, not at %d", f.position(), head)
			}
		}
	}
}

// compare finds every write in a reader's log, in order.
func compare(t *testing.T, name, dir string, log []history.Write) {
	t.Helper()
	kinds := map[history.Op]string{history.Create: history.Post, history.Edit: history.Update, history.Delete: history.Remove}
	var events []history.Seen
	_, lines := readerLines(t, dir, name)
	for _, s := range lines {
		if s.Kind == history.Post || s.Kind == history.Update || s.Kind == history.Remove {
			events = append(events, s)
		}
	}
	if len(events) != len(log) {
		t.Fatalf("%s: %d events of %d writes", name, len(events), len(log))
	}
	for i, w := range log {
		s := events[i]
		replaced := s.Kind != kinds[w.Op] || s.Text != w.Text // it may be told as what the post has become
		if !w.Acknowledged() || s.Seq != int64(i+1) || s.Post != w.Post || s.Why != "" || replaced && s.Version <= w.Version {
			t.Errorf("%s: write %+v is seen as %+v", name, w, s)
		}
		if w.Op != history.Delete && (w.Seq != s.Seq || w.Version == 0 || s.Kind != history.Remove && s.Hash == 0) {
			t.Errorf("%s: write %+v, event %+v", name, w, s)
		}
	}
}

func TestProbes_WithTheProduct(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.addBlog(t, "cup", "live")
	n.addBlog(t, "hidden", "draft")
	target := Target{Nodes: []string{n.url}}
	writes, done := logTo[history.Write](t)
	defer done()
	if err := Publish(within(t, 60*time.Second), PublisherConfig{Name: "p1", Target: target, Blog: "cup", Token: n.token(t), Most: 5, Log: writes}); err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithTimeout(t.Context(), time.Second)
	defer end()
	beacons, sent := logTo[history.Beacon](t)
	pages, looked := logTo[history.Probe](t)
	var probes sync.WaitGroup
	probes.Go(func() { _ = Beacons(ctx, BeaconConfig{Name: "b", Target: target, Blog: "cup", Rate: 20, Log: beacons}) })
	probes.Go(func() {
		_ = Pages(ctx, PageConfig{Target: target, Blog: "cup", Every: 100 * time.Millisecond, Log: pages})
	})
	probes.Wait()
	var counted int
	for _, b := range sent() {
		if b.Status == http.StatusNoContent {
			counted++
		} else if b.Status != 0 {
			t.Errorf("a beacon was answered %d", b.Status)
		}
	}
	if shown := looked(); counted == 0 || len(shown) == 0 || shown[0].Status != http.StatusOK {
		t.Errorf("%d beacons counted, pages %+v", counted, shown)
	}
	n.tryCredentials(t, target)
}

func (n *node) tryCredentials(t *testing.T, target Target) {
	t.Helper()
	uses, done := logTo[history.Credential](t)
	err := Credentials(within(t, 60*time.Second), CredentialConfig{
		Target: target, Draft: "hidden", Rounds: 1, Watch: 100 * time.Millisecond, Log: uses,
		Mint: func(context.Context) (string, error) { return n.token(t), nil },
		Revoke: func(ctx context.Context, token string) error {
			return n.db.RevokeToken(ctx, liveblog.Actor{}, token[3:13])
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"valid write": 201, "valid stream": 200, "revoked write": 401, "revoked stream": 401, "forged write": 401, "forged stream": 401}
	for _, u := range done() {
		if use := u.Standing + " " + u.Does; u.OpenFor == 0 && u.Status != want[use] {
			t.Errorf("%s is answered %d", use, u.Status)
		}
	}
}

func TestStorm_WithTheProduct(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.addBlog(t, "cup", "live")
	target := Target{Nodes: []string{n.url}}
	writes, done := logTo[history.Write](t)
	defer done()
	if err := Publish(within(t, 60*time.Second), PublisherConfig{Name: "p1", Target: target, Blog: "cup", Token: n.token(t), Most: 20, Log: writes}); err != nil {
		t.Fatal(err)
	}
	got, err := Storm(within(t, 60*time.Second), StormConfig{Target: target, Blog: "cup", Readers: 100, Behind: 10, Within: 10 * time.Millisecond})
	if err != nil || got.Whole != 100 || got.Wrong != 0 || got.Head-got.From != 10 {
		t.Errorf("%+v, %v", got, err)
	}
}
