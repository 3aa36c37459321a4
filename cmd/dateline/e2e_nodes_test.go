package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"dateline/internal/pgtest"
)

// manySeed makes the randomness of the test below repeatable, as far as the
// scheduler allows.
const manySeed = 20260521

// many is the setting of TestE2E_TwoNodesManyPublishers.
type many struct {
	t     *testing.T
	dsn   string
	nodes []string
	robot *robot
	posts int64

	attempts, lost, replayed, terminated atomic.Int64
}

// TestE2E_TwoNodesManyPublishers is the promise of the product under what breaks
// it elsewhere: concurrent publishers who retry, two nodes, readers who come
// and go between them, and listeners that lose their connections.
func TestE2E_TwoNodesManyPublishers(t *testing.T) {
	const publishers, readers, posts = 40, 50, 2000
	dsn := pgtest.DSN(t)
	m := &many{t: t, dsn: dsn, robot: newRobot(t, dsn), posts: posts}
	for range 2 {
		m.nodes = append(m.nodes, startProcess(t, dsn).url)
	}
	m.robot.newBlog(t, m.nodes[0], "many")
	t.Logf("seed %d", manySeed)

	began := time.Now()
	faults, endFaults := context.WithCancel(t.Context())
	var background errgroup.Group
	background.Go(func() error { return m.terminateListeners(faults) })
	var followers errgroup.Group
	all := make([]*sseReader, readers)
	for i := range all {
		all[i] = &sseReader{client: newClient(), slug: "many", query: url.Values{"after": {"0"}}}
		followers.Go(func() error { return m.wander(all[i], rand.New(rand.NewPCG(manySeed, uint64(i)))) })
	}
	m.publishAll(publishers)
	published := time.Since(began)
	if err := followers.Wait(); err != nil {
		t.Fatal(err)
	}
	read := time.Since(began)
	endFaults()
	if err := background.Wait(); err != nil {
		t.Fatal(err)
	}
	m.check(readTruth(t, dsn, "many"), all)
	t.Logf("%d posts published in %v (%.0f a second), read by %d readers after %v", posts, published.Round(time.Millisecond),
		posts/published.Seconds(), readers, read.Round(time.Millisecond))
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
		a, err := m.robot.call(ctx, http.MethodPost, m.nodes[random.IntN(len(m.nodes))]+"/api/v1/blogs/many/posts", post,
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
		err := r.follow(ctx, m.nodes[random.IntN(len(m.nodes))], func(e sseEvent) bool {
			return len(r.log) >= leave || e.id == last
		})
		if err != nil {
			return fmt.Errorf("a stream broke at %s: %w", r.lastID, err)
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
		m.terminated.Add(tag.RowsAffected())
	}
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
	m.t.Logf("from commit to reader: %s", m.delays(readers))
	m.t.Logf("attempts %d, cut off %d, replayed %d; %d readers connected %d times and got %d events; %d listeners terminated",
		m.attempts.Load(), m.lost.Load(), m.replayed.Load(), len(readers), connects, events, m.terminated.Load())
}

// delays tells how long events took from their commit to a reader who was
// there; those who came later are left out.
func (m *many) delays(readers []*sseReader) spread {
	type row struct {
		Seq int64
		At  time.Time
	}
	at := map[string]time.Time{}
	for _, r := range query[row](m.t, m.dsn, `SELECT seq, at FROM events`) {
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
