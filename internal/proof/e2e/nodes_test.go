package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"dateline/internal/proof/pgtest"
)

// manySeed makes the randomness of the test below repeatable, as far as the
// scheduler allows.
const manySeed = 20260521

// many is the setting of the tests with many publishers and readers.
type many struct {
	t     *testing.T
	dsn   string
	nodes []*process
	robot *robot
	posts int64
	fatal bool // nodes die, so requests and streams may break

	attempts, lost, replayed, faults atomic.Int64
}

func newMany(t *testing.T, posts int64) *many {
	t.Helper()
	dsn := pgtest.DSN(t)
	m := &many{t: t, dsn: dsn, robot: newRobot(t, dsn), posts: posts}
	for range 2 {
		m.nodes = append(m.nodes, startProcess(t, dsn))
	}
	m.robot.newBlog(t, m.nodes[0].url, "many")
	t.Logf("seed %d", manySeed)
	return m
}

// TestE2E_TwoNodesManyPublishers is the promise of the product under what breaks
// it elsewhere: concurrent publishers who retry, two nodes, readers who come
// and go between them, and listeners that lose their connections.
func TestE2E_TwoNodesManyPublishers(t *testing.T) {
	m := newMany(t, 2000)
	m.play(40, 50, m.terminateListeners)
	for _, n := range m.nodes {
		n.noPanic()
	}
}

// TestE2E_NodesDie is the same with a node that is killed again and again, as by
// a kernel short of memory, and comes back at its address.
func TestE2E_NodesDie(t *testing.T) {
	t.Parallel()
	m := newMany(t, 500)
	m.fatal = true
	m.play(8, 20, m.killNodes)
}

// play publishes all posts while readers follow and faults come, and compares
// what everybody has at the end.
func (m *many) play(publishers, readers int, faults func(context.Context) error) {
	m.t.Helper()
	began := time.Now()
	all, followed := m.followAll(readers)
	publishing, done := context.WithCancel(m.t.Context())
	var published time.Duration
	go func() {
		defer done()
		m.publishAll(publishers)
		published = time.Since(began)
	}()
	if err := faults(publishing); err != nil { // until all is published
		m.t.Fatal(err)
	}
	if err := followed(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Logf("%d posts published in %v (%.0f a second), read by %d readers after %v", m.posts, published.Round(time.Millisecond),
		float64(m.posts)/published.Seconds(), readers, time.Since(began).Round(time.Millisecond))
	m.check(readTruth(m.t, m.dsn, "many"), all)
	m.checkLate()
}

// checkLate ends the blog and reads it whole from each node, when most of it is
// no longer in memory, by stream and by poll.
func (m *many) checkLate() {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), time.Minute)
	defer cancel()
	m.robot.must(m.t, http.MethodPost, m.nodes[0].url+"/api/v1/blogs/many/end", nil, nil)
	w := readTruth(m.t, m.dsn, "many")
	for i, n := range m.nodes {
		began := time.Now()
		s := &sseReader{client: newClient(), slug: "many", query: url.Values{"after": {"0"}}}
		if err := s.follow(ctx, n.url, isEnd); err != nil {
			m.t.Errorf("late stream of node %d: %v", i, err)
		}
		p := &pollReader{client: newClient(), url: n.url + "/api/v1/blogs/many/events"}
		if err := p.follow(ctx); err != nil {
			m.t.Errorf("late poll of node %d: %v", i, err)
		}
		for name, log := range map[string][]sseEvent{"stream": s.log, "poll": p.log} {
			if err := w.checkReader(log, 0); err != nil {
				m.t.Errorf("late %s of node %d: %v", name, i, err)
			}
		}
		m.t.Logf("node %d told a late stream and a late poll all of it within %v (%d polls)", i, time.Since(began).Round(time.Millisecond), p.asked)
	}
}

func (m *many) followAll(readers int) (all []*sseReader, wait func() error) {
	var g errgroup.Group
	for i := range readers {
		r := &sseReader{client: newClient(), slug: "many", query: url.Values{"after": {"0"}}}
		all = append(all, r)
		g.Go(func() error { return m.wander(r, rand.New(rand.NewPCG(manySeed, uint64(i)))) })
	}
	return all, g.Wait
}

// publishAll publishes the posts from many goroutines, over both nodes.
func (m *many) publishAll(publishers int) {
	var g sync.WaitGroup
	var next atomic.Int64
	for i := range publishers {
		random := rand.New(rand.NewPCG(manySeed, uint64(1000+i)))
		g.Go(func() {
			for n := next.Add(1); n <= m.posts; n = next.Add(1) {
				m.publish(int(n), random)
			}
		})
	}
	g.Wait()
}

// publish repeats one post with one key until the outcome is known. Every
// fourth first attempt is cut off at a random moment, and every fourth answer is
// treated as if it had been lost.
func (m *many) publish(n int, random *rand.Rand) {
	first := m.attempt(n, random, random.IntN(4) == 0)
	if random.IntN(4) == 0 {
		again := m.attempt(n, random, false)
		if idOf(first) != idOf(again) || again.header.Get("Idempotent-Replayed") != "true" {
			m.t.Errorf("post %d came twice: %s, then %s", n, first.body, again.body)
		}
	}
}

func (m *many) attempt(n int, random *rand.Rand, cut bool) answer {
	post := map[string]any{"title": fmt.Sprintf("Post %d", n), "body": fmt.Sprintf("Text of **post %d**.", n), "tags": []string{fmt.Sprint(n % 7)}}
	a, tries, err := insist(m.t.Context(), func(try int) (answer, error) {
		limit := 15 * time.Second
		if cut && try == 0 {
			limit = time.Duration(random.IntN(400)) * time.Millisecond
		}
		ctx, cancel := context.WithTimeout(m.t.Context(), limit)
		defer cancel()
		a, err := m.robot.call(ctx, http.MethodPost, m.nodes[random.IntN(len(m.nodes))].url+"/api/v1/blogs/many/posts", post,
			"Idempotency-Key", fmt.Sprintf("many-publishers-%d", n))
		if err != nil {
			m.lost.Add(1)
		}
		return a, err
	})
	m.attempts.Add(int64(tries))
	if a.header.Get("Idempotent-Replayed") == "true" {
		m.replayed.Add(1)
	}
	if err != nil || a.status != http.StatusCreated {
		m.t.Errorf("post %d: %d %s %v", n, a.status, a.body, err)
	}
	return a
}

// idOf is the id in an answer with a post, or "".
func idOf(a answer) string {
	var p eventData
	_ = json.Unmarshal(a.body, &p) // "" tells of the failure
	return p.ID
}

// wander follows the blog to its last post, and changes the node after a random
// number of events.
func (m *many) wander(r *sseReader, random *rand.Rand) error {
	ctx, cancel := context.WithTimeout(m.t.Context(), 2*time.Minute)
	defer cancel()
	last := fmt.Sprint(m.posts)
	for r.lastID != last {
		leave := len(r.log) + 1 + random.IntN(200)
		err := r.follow(ctx, m.nodes[random.IntN(len(m.nodes))].url, func(e sseEvent) bool {
			return len(r.log) >= leave || e.id == last
		})
		if err != nil && (!m.fatal || ctx.Err() != nil) {
			return fmt.Errorf("a stream broke at %s: %w", r.lastID, err)
		}
		if err != nil {
			<-time.After(10 * time.Millisecond) // as a browser would, but sooner
		}
	}
	return nil
}

// terminateListeners cuts the connections that carry notifications, again and again.
func (m *many) terminateListeners(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, m.dsn)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		tag, err := conn.Exec(ctx, `
			SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = 'dateline listener'`)
		if err != nil && ctx.Err() == nil {
			return err
		}
		m.faults.Add(tag.RowsAffected())
	}
}

// killNodes kills the second node and starts it again, a few times, and leaves it
// running until all is published.
func (m *many) killNodes(ctx context.Context) error {
	address := "--listen=" + strings.TrimPrefix(m.nodes[1].url, "http://")
	victim := m.nodes[1]
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for m.faults.Load() < 5 {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		victim.kill()
		victim = startProcess(m.t, m.dsn, address)
		m.faults.Add(1)
	}
	<-ctx.Done()
	return nil
}

func (m *many) check(w truth, readers []*sseReader) {
	m.t.Helper()
	if err := w.checkLog(); err != nil {
		m.t.Error(err)
	}
	if w.head() != m.posts || len(w.posts) != int(m.posts) {
		m.t.Errorf("the log has %d events, the blog %d posts, %d were published", w.head(), len(w.posts), m.posts)
	}
	events, connects := 0, 0
	for i, r := range readers {
		if err := w.checkReader(r.log, 0); err != nil {
			m.t.Errorf("reader %d: %v", i, err)
		}
		events += len(r.log)
		connects += r.connects
	}
	m.t.Logf("from commit to reader: %s", delays(m.t, m.dsn, readers))
	m.t.Logf("attempts %d, cut off %d, replayed %d; %d readers connected %d times and got %d events; %d faults",
		m.attempts.Load(), m.lost.Load(), m.replayed.Load(), len(readers), connects, events, m.faults.Load())
}

// delays tells how long events took from their commit to a reader who was
// there; those who came later are left out.
func delays(t testing.TB, dsn string, readers []*sseReader) spread {
	type row struct {
		Seq int64
		At  time.Time
	}
	at := map[string]time.Time{}
	for _, r := range query[row](t, dsn, `SELECT seq, at FROM events`) {
		at[fmt.Sprint(r.Seq)] = r.At
	}
	var out spread
	for _, r := range readers {
		for _, e := range r.log {
			if e.name == "post" {
				out = append(out, e.at.Sub(at[e.id]))
			}
		}
	}
	return out
}
