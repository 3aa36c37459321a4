package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"dateline/internal/proof/pgtest"
)

// TestE2E_Drain stops a node that has readers. Each is sent on politely, the
// views that were reported are stored, though somebody holds the rows of all
// blogs and posts, and the process ends well.
func TestE2E_Drain(t *testing.T) {
	t.Parallel()
	const streams, beacons = 200, 400
	dsn := pgtest.DSN(t)
	node, robot := startProcess(t, dsn, "--streams-per-address=0"), newRobot(t, dsn)
	robot.newBlog(t, node.url, "drain")
	post := robot.post(t, node.url, "drain", "Seen by many")
	var opened atomic.Int64
	var g errgroup.Group
	readers := make([]*sseReader, streams)
	for i := range readers {
		readers[i] = &sseReader{client: newClient(), slug: "drain", query: url.Values{"after": {"0"}}}
		g.Go(func() error { return followToEnd(t.Context(), readers[i], node.url, &opened) })
	}
	eventually(t, startLimit, "all streams have the post", func() bool { return opened.Load() == streams })
	holdRows(t, dsn, "blogs", "posts")
	accepted := sendBeacons(t, node.url, "drain", post.ID, beacons)
	began := time.Now()
	if err := node.terminate(); err != nil {
		t.Errorf("the node ended with %v\n%s", err, node.log)
	}
	took := time.Since(began)
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	node.noPanic()
	checkGoodbyes(t, readers)
	for _, r := range readers {
		checkViews(t, r.log, accepted)
	}
	if stored := number(t, dsn, `SELECT sum(views) FROM post_views`); stored != accepted {
		t.Errorf("%d views were accepted, %d are stored", accepted, stored)
	}
	t.Logf("%d streams left and %d views were stored within %v of SIGTERM", streams, accepted, took.Round(time.Millisecond))
}

// TestE2E_DrainingNodeServesOn asks a node that is leaving for everything. It
// says so, refuses nobody who has something to store, and sends readers on.
func TestE2E_DrainingNodeServesOn(t *testing.T) {
	t.Parallel()
	d := newDraining(t)
	wait := d.poll()
	d.signal()
	began := time.Now()
	if a := <-wait; a.status != http.StatusOK || time.Since(began) > 2*time.Second {
		t.Errorf("a long poll that waited: %d %v after %v", a.status, a.header, time.Since(began))
	}
	a, err := d.robot.call(t.Context(), http.MethodGet, d.node.url+"/api/v1/blogs/leaving/events?after=0&wait=20", nil)
	if err != nil || a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("a new long poll: %d %v %v", a.status, a.header, err)
	}
	late := &sseReader{client: newClient(), slug: "leaving", query: url.Values{"after": {"0"}}}
	if err := late.follow(t.Context(), d.node.url, isEnd); !errors.Is(err, errEnded) || len(late.log) != 1 || late.log[0].name != "bye" {
		t.Errorf("a new reader got %+v %v", late.log, err)
	}
	published := 0
	tick := time.NewTicker(20 * time.Millisecond) // below the rate that one client may have
	defer tick.Stop()
	for ; ; published++ {
		<-tick.C
		a, err := d.robot.call(t.Context(), http.MethodPost, d.node.url+"/api/v1/blogs/leaving/posts", map[string]any{"title": "Late"})
		if err != nil {
			break
		}
		if a.status != http.StatusCreated {
			t.Errorf("publishing: %d %s", a.status, a.body)
		}
	}
	<-d.node.exited
	d.node.noPanic()
	if stored := number(t, d.dsn, `SELECT count(*) FROM posts`); d.node.err != nil || stored != int64(published) || published == 0 {
		t.Errorf("%d posts were acknowledged, %d are stored; the node ended with %v", published, stored, d.node.err)
	}
	t.Logf("%d posts were published within %v of SIGTERM", published, time.Since(began).Round(time.Millisecond))
}

// TestE2E_DrainLeavesSlowReadersBehind stops a node one of whose readers takes
// nothing: its deployment must not wait until that one is given up.
func TestE2E_DrainLeavesSlowReadersBehind(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"auto", "portable"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			dsn := pgtest.DSN(t)
			node, robot := startProcess(t, dsn, "--engine="+engine), newRobot(t, dsn)
			robot.newBlog(t, node.url, "leaving")
			for range 60 { // 4 MB of events
				a, err := robot.call(t.Context(), http.MethodPost, node.url+"/api/v1/blogs/leaving/posts", map[string]any{"body": strings.Repeat("news ", 12_000)})
				if err != nil || a.status != http.StatusCreated {
					t.Fatal(a.status, err)
				}
			}
			silent := silentReader(t, node.url, "/api/v1/blogs/leaving/stream?after=0")
			defer silent.Close()
			began := time.Now()
			if err := node.terminate(); err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took > 8*time.Second {
				t.Errorf("the node left after %v", took)
			}
		})
	}
}

// silentReader opens a stream, reads its first events and nothing more.
func silentReader(t *testing.T, node, path string) net.Conn {
	t.Helper()
	small := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
	}}
	c, err := small.DialContext(t.Context(), "tcp", strings.TrimPrefix(node, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path)
	if _, err := io.CopyN(io.Discard, c, 200_000); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestE2E_SecondSignalKills wants an operator in a hurry to be obeyed.
func TestE2E_SecondSignalKills(t *testing.T) {
	t.Parallel()
	d := newDraining(t)
	d.signal()
	began := time.Now()
	if err := d.node.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-d.node.exited
	if took := time.Since(began); took > 2*time.Second || d.node.err == nil {
		t.Errorf("the node ended after %v with %v", took, d.node.err)
	}
}

// draining is a node with readers, so many that it takes five seconds to leave.
type draining struct {
	t     *testing.T
	dsn   string
	node  *process
	robot *robot
}

func newDraining(t *testing.T) *draining {
	t.Helper()
	d := &draining{t: t, dsn: pgtest.DSN(t)}
	d.node, d.robot = startProcess(t, d.dsn, "--metrics-listen=127.0.0.1:0"), newRobot(t, d.dsn)
	d.robot.newBlog(t, d.node.url, "leaving")
	for range 60 {
		res, err := newClient().Get(d.node.url + "/api/v1/blogs/leaving/stream")
		if err != nil {
			t.Fatal(err)
		}
		go io.Copy(io.Discard, res.Body)
		t.Cleanup(func() { res.Body.Close() })
	}
	return d
}

// poll waits for events in the background, of a blog that nobody else follows: as
// soon as the node does, the poll is past the door.
func (d *draining) poll() <-chan answer {
	d.t.Helper()
	d.robot.newBlog(d.t, d.node.url, "quiet")
	before := d.node.metric("dateline_blogs_watched")
	out := make(chan answer, 1)
	poller := &robot{client: newClient(), token: d.robot.token}
	go func() {
		a, _ := poller.call(d.t.Context(), http.MethodGet, d.node.url+"/api/v1/blogs/quiet/events?wait=25", nil)
		out <- a
	}()
	eventually(d.t, startLimit, "the long poll is there", func() bool { return d.node.metric("dateline_blogs_watched") > before })
	return out
}

// signal asks the node to leave and returns when it says that it is leaving.
func (d *draining) signal() {
	d.t.Helper()
	if err := d.node.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		d.t.Fatal(err)
	}
	eventually(d.t, startLimit, "the node says that it is leaving", func() bool {
		res, err := http.Get(d.node.url + "/readyz")
		if err != nil {
			d.t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode == http.StatusServiceUnavailable && res.Close
	})
}

func followToEnd(ctx context.Context, r *sseReader, node string, opened *atomic.Int64) error {
	err := r.follow(ctx, node, func(e sseEvent) bool {
		if e.name == "post" {
			opened.Add(1)
		}
		return false
	})
	if !errors.Is(err, errEnded) {
		return fmt.Errorf("the stream did not end in good order: %w", err)
	}
	return nil
}

// holdRows locks all rows of tables until the test has ended, as a stuck
// transaction does.
func holdRows(t *testing.T, dsn string, tables ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		if _, err := tx.Exec(t.Context(), "SELECT FROM "+table+" FOR UPDATE"); err != nil {
			t.Fatal(err)
		}
	}
}

// sendBeacons reports one view of a post from each of n pages and returns how
// many were accepted.
func sendBeacons(t *testing.T, node, slug, post string, n int) (accepted int64) {
	t.Helper()
	client := newClient()
	for range n {
		var page struct{ Token string }
		(&robot{client: client}).must(t, http.MethodGet, node+"/api/v1/blogs/"+slug+"/events?wait=0&token=1", nil, &page)
		body, err := json.Marshal(map[string]any{"token": page.Token, "posts": []string{post}})
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, node+"/api/v1/blogs/"+slug+"/views", strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "text/plain;charset=UTF-8")
		req.Header.Set("User-Agent", "Mozilla/5.0")
		a, err := exchange(client, req)
		if err != nil || a.status != http.StatusNoContent {
			t.Fatalf("beacon: %d %s %v", a.status, a.body, err)
		}
		accepted++
	}
	return accepted
}

// checkGoodbyes wants one bye, at the end, with a wait of its own.
func checkGoodbyes(t *testing.T, readers []*sseReader) {
	t.Helper()
	waits := map[int]bool{}
	var back []time.Time
	for i, r := range readers {
		last, first := r.log[len(r.log)-1], r.log[0]
		if last.name != "bye" || last.retry < 200 || last.retry >= 2000 || first.retry < 500 || first.retry >= 2000 {
			t.Errorf("reader %d: first %+v, last %+v", i, first, last)
		}
		waits[last.retry] = true
		back = append(back, last.at.Add(time.Duration(last.retry)*time.Millisecond))
	}
	if over := slices.MaxFunc(back, time.Time.Compare).Sub(slices.MinFunc(back, time.Time.Compare)); over < 5*time.Second {
		t.Errorf("%d readers come back within %v", len(readers), over)
	}
	if len(waits) < len(readers)/2 {
		t.Errorf("%d readers were told only %d different waits", len(readers), len(waits))
	}
}

// checkViews wants counts that only grow, and never beyond what was accepted.
func checkViews(t *testing.T, log []sseEvent, accepted int64) {
	t.Helper()
	last := map[string]int64{}
	for _, e := range log {
		var counts struct{ Posts map[string]int64 }
		if e.name != "views" {
			continue
		}
		if err := json.Unmarshal([]byte(e.data), &counts); err != nil {
			t.Errorf("views %s: %v", e.data, err)
		}
		for post, n := range counts.Posts {
			if n <= last[post] || n > accepted {
				t.Errorf("a post has %d views after %d, of %d", n, last[post], accepted)
			}
			last[post] = n
		}
	}
}
