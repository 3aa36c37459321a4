package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dateline/internal/proof/pgtest"
)

// BenchmarkRollingRestart restarts three nodes behind nginx, one after the other,
// while a program publishes and readers follow as EventSource does. It wants
// nothing lost and the readers of each node to come back over five seconds; it
// reports how late posts were. It needs nginx.
func BenchmarkRollingRestart(b *testing.B) {
	const readers = 300
	r := newRolling(b)
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	followed := r.follow(ctx, readers)
	eventually(b, startLimit, "all readers are there", func() bool { return r.opened() == readers })
	published := make(chan int)
	enough, done := context.WithCancel(ctx)
	go func() { published <- r.publish(enough) }()
	for i := range r.nodes {
		r.restart(i)
	}
	done()
	posts := <-published
	followed()
	r.report(posts)
}

// rolling is three nodes behind nginx.
type rolling struct {
	t     testing.TB
	dsn   string
	nodes []*process
	robot *robot
	front string

	mu      sync.Mutex
	opens   []time.Time // of every stream
	readers []*sseReader
	retried int // attempts to publish that had to be repeated
}

func newRolling(b *testing.B) *rolling {
	b.Helper()
	r := &rolling{t: b, dsn: pgtest.DSN(b)}
	r.robot = newRobot(b, r.dsn)
	for range 3 {
		r.nodes = append(r.nodes, startProcess(b, r.dsn, "--trusted-proxies=127.0.0.1"))
	}
	r.robot.newBlog(b, r.nodes[0].url, "rolling")
	r.front = r.startNginx()
	return r
}

// startNginx runs nginx with the configuration that operators are given, on
// addresses of this machine.
func (r *rolling) startNginx() string {
	r.t.Helper()
	text, err := os.ReadFile("../../../deploy/nginx.conf")
	if err != nil {
		r.t.Fatal(err)
	}
	address := freeAddress(r.t)
	host := func(i int) string { return strings.TrimPrefix(r.nodes[i].url, "http://") }
	third := regexp.MustCompile(`(?m)^( *server )dateline-2:8080( .*;)$`).ReplaceAllString(string(text), "$0\n${1}dateline-3:8080$2")
	conf := strings.NewReplacer("dateline:8080", host(0), "dateline-2:8080", host(1), "dateline-3:8080", host(2), "listen 8080", "listen "+address).Replace(third)
	dir := r.t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(conf), 0o600); err != nil {
		r.t.Fatal(err)
	}
	c := exec.Command("nginx", "-p", dir, "-c", filepath.Join(dir, "nginx.conf"), "-g", "daemon off; pid "+dir+"/pid; error_log stderr warn;")
	log := &lockedBuffer{}
	c.Stderr = log
	if err := c.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Process.Signal(os.Interrupt); _ = c.Wait() })
	eventually(r.t, startLimit, "nginx answers", func() bool {
		res, err := http.Get("http://" + address + "/readyz")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	return "http://" + address
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (r *rolling) follow(ctx context.Context, readers int) (wait func()) {
	var all sync.WaitGroup
	for i := range readers {
		s := &sseReader{client: localClient(i), slug: "rolling", query: url.Values{"after": {"0"}}}
		r.readers = append(r.readers, s)
		all.Go(func() { r.followOne(ctx, s) })
	}
	return all.Wait
}

// followOne reads on as EventSource does: after what it was told to wait.
func (r *rolling) followOne(ctx context.Context, s *sseReader) {
	for ctx.Err() == nil {
		over := false
		_ = s.follow(ctx, r.front, func(e sseEvent) bool { // it may break
			if e.name == "hello" {
				r.mu.Lock()
				r.opens = append(r.opens, e.at)
				r.mu.Unlock()
			}
			over = e.name == "end"
			return over
		})
		if over {
			return
		}
		wait := 3 * time.Second
		if n := len(s.log); n > 0 {
			wait = time.Duration(s.log[n-1].retry) * time.Millisecond
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

func (r *rolling) opened() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.opens)
}

// publish publishes twenty posts a second, each until it is answered, and then
// ends the blog.
func (r *rolling) publish(enough context.Context) (posts int) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for enough.Err() == nil {
		<-tick.C
		posts++
		r.insist("/posts", map[string]any{"title": fmt.Sprint("Post ", posts)}, fmt.Sprint("rolling-restart-", posts))
	}
	r.insist("/end", nil, "rolling-restart-end")
	return posts
}

func (r *rolling) insist(path string, body any, key string) {
	a, tries, err := insist(r.t.Context(), func(int) (answer, error) {
		return r.robot.call(r.t.Context(), http.MethodPost, r.front+"/api/v1/blogs/rolling"+path, body, "Idempotency-Key", key)
	})
	if err != nil || a.status >= 300 {
		r.t.Errorf("%s: %d %s %v", path, a.status, a.body, err)
	}
	r.retried += tries - 1
}

// restart restarts one node and waits for its readers to be back.
func (r *rolling) restart(i int) {
	r.t.Helper()
	before, began := r.opened(), time.Now()
	address := strings.TrimPrefix(r.nodes[i].url, "http://")
	if err := r.nodes[i].terminate(); err != nil {
		r.t.Error(err)
	}
	left := time.Since(began)
	r.nodes[i] = startProcess(r.t, r.dsn, "--trusted-proxies=127.0.0.1", "--listen="+address)
	<-time.After(8*time.Second - time.Since(began)) // longer than any reader waits
	r.mu.Lock()
	defer r.mu.Unlock()
	var back spread
	for _, at := range r.opens[before:] {
		back = append(back, at.Sub(began))
	}
	if len(back) == 0 {
		r.t.Errorf("node %d had no readers", i)
		return
	}
	seconds := make([]int, 12)
	for _, d := range back {
		seconds[min(int(d/time.Second), 11)]++
	}
	over := slices.Max(back) - slices.Min(back)
	r.t.Logf("node %d left in %v; %d streams opened over %v, by second %v", i, left.Round(time.Millisecond), len(back), over.Round(time.Millisecond), seconds)
	if over < 5*time.Second {
		r.t.Errorf("the readers of node %d came back within %v", i, over)
	}
}

func (r *rolling) report(posts int) {
	r.t.Helper()
	w := readTruth(r.t, r.dsn, "rolling")
	if len(w.posts) != posts {
		r.t.Errorf("%d posts were acknowledged, %d are there", posts, len(w.posts))
	}
	connects := 0
	for i, s := range r.readers {
		if err := w.checkReader(s.log, 0); err != nil {
			r.t.Errorf("reader %d: %v", i, err)
		}
		connects += s.connects
	}
	r.t.Logf("%d posts, %d attempts repeated; %d readers connected %d times", posts, r.retried, len(r.readers), connects)
	r.t.Logf("from commit to reader: %s", delays(r.t, r.dsn, r.readers))
}
