package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"dateline/internal/proof/pgtest"
)

// outage is the setting of the tests that take PostgreSQL away.
type outage struct {
	t     *testing.T
	dsn   string
	node  *process
	robot *robot

	acknowledged, attempts atomic.Int64
}

// lastTitle is the post after which readers leave.
const lastTitle = "The last one"

// TestE2E_DatabaseAway kills PostgreSQL under a node with readers and publishers.
// Nobody hangs, nobody is told anything false, open streams stay, all goes on by
// itself, and every key that was acknowledged has made exactly one post.
func TestE2E_DatabaseAway(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Cluster(t)
	newOutage(t, cluster.DSN()).endure(cluster.Kill, cluster.Start)
}

// TestE2E_DatabaseHangs is the same with a server that takes connections and
// says nothing, as one does whose disk is gone.
func TestE2E_DatabaseHangs(t *testing.T) {
	t.Parallel()
	o := newOutage(t, pgtest.Cluster(t).DSN())
	var stopped []int
	resume := func() { signalAll(stopped, syscall.SIGCONT) }
	t.Cleanup(resume)
	o.endure(func() {
		stopped = serverProcesses(t, o.dsn)
		signalAll(stopped, syscall.SIGSTOP)
	}, resume)
}

// serverProcesses lists the first process of a PostgreSQL server and those that
// serve its clients.
func serverProcesses(t *testing.T, dsn string) []int {
	t.Helper()
	type row struct{ N int64 }
	pids := query[row](t, dsn, `
		SELECT split_part(pg_read_file('postmaster.pid'), E'\n', 1)::bigint AS n
		UNION ALL SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()`)
	var out []int
	for _, p := range pids {
		out = append(out, int(p.N))
	}
	return out
}

func signalAll(pids []int, s syscall.Signal) {
	for _, pid := range pids {
		_ = syscall.Kill(pid, s) // some have ended meanwhile
	}
}

func newOutage(t *testing.T, dsn string) *outage {
	t.Helper()
	o := &outage{t: t, dsn: dsn, node: startProcess(t, dsn), robot: newRobot(t, dsn)}
	o.robot.newBlog(t, o.node.url, "away")
	o.robot.post(t, o.node.url, "away", "Before")
	return o
}

// endure takes the database away and gives it back while readers follow and
// publishers insist.
func (o *outage) endure(takeAway, giveBack func()) {
	o.t.Helper()
	ctx, leave := context.WithTimeout(o.t.Context(), 2*time.Minute)
	defer leave()
	readers, followed := followToLast(ctx, o.node.url, "away", 20)
	publishing, stop := context.WithCancel(ctx)
	published := o.publishSteadily(publishing, ctx)
	eventually(o.t, startLimit, "publishers are at work", func() bool { return o.acknowledged.Load() > 100 })
	takeAway()
	gone := time.Now()
	o.refusePublish()
	o.answerReaders()
	giveBack()
	back := time.Now()
	o.publishAgain(ctx)
	recovered := time.Since(back)
	stop()
	if err := published(); err != nil {
		o.t.Fatal(err)
	}
	o.robot.post(o.t, o.node.url, "away", lastTitle)
	if err := followed(); err != nil {
		o.t.Fatalf("%v\n%s", err, o.node.log)
	}
	o.t.Logf("the database was away for %v and took a post again %v after its return; %d posts in %d attempts besides",
		back.Sub(gone).Round(time.Millisecond), recovered.Round(time.Millisecond), o.acknowledged.Load(), o.attempts.Load())
	o.check(readers)
	o.checkReady(back)
}

// publishAgain repeats the request that was refused until it is answered.
func (o *outage) publishAgain(ctx context.Context) {
	o.t.Helper()
	a, _, err := insist(ctx, func(int) (answer, error) { return o.publish(ctx, "After", "while-the-database-is-away") })
	if err != nil || a.status != http.StatusCreated {
		o.t.Fatal(a.status, err)
	}
}

// check wants each acknowledged post once, and all of them at each reader, on
// the one connection that it opened.
func (o *outage) check(readers []*sseReader) {
	o.t.Helper()
	if again, err := o.publish(o.t.Context(), "After", "while-the-database-is-away"); err != nil || again.header.Get("Idempotent-Replayed") != "true" {
		o.t.Errorf("the same key again: %d %s %v", again.status, again.body, err)
	}
	w := readTruth(o.t, o.dsn, "away")
	if err := w.checkLog(); err != nil || w.head() != 3+o.acknowledged.Load() {
		o.t.Errorf("the log has %d events, %d posts were acknowledged: %v", w.head(), 3+o.acknowledged.Load(), err)
	}
	for i, r := range readers {
		if err := w.checkReader(r.log, 0); err != nil || r.connects != 1 {
			o.t.Errorf("reader %d connected %d times: %v", i, r.connects, err)
		}
	}
	o.node.noPanic()
}

// publishSteadily publishes from a few goroutines until publishing ends, each
// post until its outcome is known. The returned function waits for the end.
func (o *outage) publishSteadily(publishing, ctx context.Context) (wait func() error) {
	var g errgroup.Group
	for i := range 8 {
		g.Go(func() error {
			for n := 0; publishing.Err() == nil; n++ {
				title := fmt.Sprintf("Steady %d-%d", i, n)
				a, tries, err := insist(ctx, func(int) (answer, error) { return o.publish(ctx, title, fmt.Sprintf("steady-publisher-%d-%d", i, n)) })
				if err != nil || a.status != http.StatusCreated {
					return fmt.Errorf("%s: %d %s %w", title, a.status, a.body, err)
				}
				o.attempts.Add(int64(tries))
				o.acknowledged.Add(1)
			}
			return nil
		})
	}
	return g.Wait
}

// followToLast starts readers and returns when each has the first event; the
// returned function waits until all have the last post.
func followToLast(ctx context.Context, node, slug string, n int) (readers []*sseReader, wait func() error) {
	var g errgroup.Group
	there := make(chan struct{}, n)
	for range n {
		r := &sseReader{client: newClient(), slug: slug, query: url.Values{"after": {"0"}}}
		readers = append(readers, r)
		g.Go(func() error {
			return r.follow(ctx, node, func(e sseEvent) bool {
				if e.id == "1" && e.name == "post" {
					there <- struct{}{}
				}
				return strings.Contains(e.data, `"title":"`+lastTitle)
			})
		})
	}
	for range n {
		select {
		case <-there:
		case <-ctx.Done():
		}
	}
	return readers, g.Wait
}

func (o *outage) publish(ctx context.Context, title, key string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return o.robot.call(ctx, http.MethodPost, o.node.url+"/api/v1/blogs/away/posts", map[string]any{"title": title}, "Idempotency-Key", key)
}

// refusePublish wants 503 and a time to come back, soon enough for a person.
func (o *outage) refusePublish() {
	t := o.t
	t.Helper()
	asked := time.Now()
	a, err := o.publish(t.Context(), "After", "while-the-database-is-away")
	took := time.Since(asked)
	if err != nil || a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("publish without database: %d %s %v %v", a.status, a.body, a.header, err)
	}
	if took > 5*time.Second {
		t.Errorf("publish without database was answered after %v", took)
	}
	t.Logf("publish without database: %d after %v", a.status, took.Round(time.Millisecond))
}

// answerReaders asks for what readers ask for. A page says 503, and a stream says
// come back: EventSource gives up for good on any status but 200.
func (o *outage) answerReaders() {
	t := o.t
	t.Helper()
	for _, test := range []struct {
		path   string
		status int
		want   string
	}{
		{"/b/away", http.StatusServiceUnavailable, "<main"},
		{"/api/v1/blogs/away/posts", http.StatusServiceUnavailable, `"code"`},
		{"/api/v1/blogs/away/stream?after=1", http.StatusOK, "retry: "},
		{"/api/v1/blogs/never-asked-for/stream", http.StatusOK, "retry: "},
		{"/readyz", http.StatusServiceUnavailable, "not ready"},
		{"/livez", http.StatusOK, "ok"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second)
		body, status := readSome(ctx, t, o.robot.client, o.node.url+test.path, test.want)
		cancel()
		if status != test.status || !strings.Contains(body, test.want) {
			t.Errorf("%s without database: %d %.300s", test.path, status, body)
		}
	}
}

// readSome reads an answer up to the text it waits for: a stream may stay open.
func readSome(ctx context.Context, t *testing.T, c *http.Client, url, until string) (string, int) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Do(req)
	if err != nil {
		t.Errorf("%s: %v", url, err)
		return "", 0
	}
	defer res.Body.Close()
	var body []byte
	for chunk := make([]byte, 4096); !strings.Contains(string(body), until); {
		n, err := res.Body.Read(chunk)
		body = append(body, chunk[:n]...)
		if err != nil {
			break
		}
	}
	return string(body), res.StatusCode
}

func (o *outage) checkReady(started time.Time) {
	o.t.Helper()
	eventually(o.t, 10*time.Second, "the node is ready again", func() bool {
		res, err := http.Get(o.node.url + "/readyz")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	o.t.Logf("ready again %v after the return of the database", time.Since(started).Round(time.Millisecond))
}
