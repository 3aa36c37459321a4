package e2e

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// slowOnes are the connections of the attack.
	slowOnes = 2000
	// trickle is the time between two of their bytes.
	trickle = 500 * time.Millisecond
	// headTime and bodyTime are when the node must have had enough of a head, and
	// of a body, at the latest. They are twice its own limits: tests share processors.
	headTime = 10 * time.Second
	bodyTime = 20 * time.Second
	// publishTime is what half of the posts take at most meanwhile. An attack that
	// works makes it seconds; the slowest of all depend on what else the machine does.
	publishTime = 250 * time.Millisecond
)

// slowKind is a way to hold a connection: some of a request at once, the rest
// byte by byte and without end.
type slowKind struct {
	name, begin, more string
	limit             time.Duration
}

func (g *target) slowKinds() []slowKind {
	bearer := "Host: x\r\nAuthorization: Bearer " + g.robot.token + "\r\nContent-Type: application/json\r\n"
	return []slowKind{
		{"nothing at all", "", "", headTime},
		{"the first line", "GET /", "a", headTime},
		{"heads", "GET " + blogPath + "/stream HTTP/1.1\r\nHost: x\r\nX: ", "a", headTime},
		{"a body that is read", "POST " + blogPath + "/posts HTTP/1.1\r\n" + bearer + "Content-Length: 100000\r\n\r\n", " ", bodyTime},
		{"chunks that are read", "POST " + blogPath + "/posts HTTP/1.1\r\n" + bearer + "Transfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n", bodyTime},
		{"a body that is refused", "POST " + blogPath + "/posts HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", " ", bodyTime},
		{"a body for no route", "POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", " ", bodyTime},
		{"a body for a page", "GET /b/target HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", " ", bodyTime},
		{"chunks for a page", "GET /b/target HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n", bodyTime},
		{"a beacon", "POST " + blogPath + "/views HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\n", " ", bodyTime},
	}
}

// hold keeps a connection for as long as the node lets it, and returns how long
// that was.
func (k slowKind) hold(ctx context.Context, address string) (time.Duration, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	began := time.Now()
	if err := conn.SetDeadline(began.Add(k.limit)); err != nil {
		return 0, err
	}
	if _, err := io.WriteString(conn, k.begin); err != nil {
		return time.Since(began), onlyTimeout(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, conn)
		ended <- onlyTimeout(err)
	}()
	tick := time.NewTicker(trickle)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			return time.Since(began), err
		case <-tick.C:
			_, _ = io.WriteString(conn, k.more) // its end is seen by the one who reads
		}
	}
}

// manyOf is n, or as many as the limit of open files allows with room for others.
func manyOf(t *testing.T, n int) int {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	return min(n, int(limit.Cur/2))
}

// TestE2E_Slowloris holds 2,000 connections in all ways known, and publishes and
// reads as if nothing were.
func TestE2E_Slowloris(t *testing.T) {
	t.Parallel()
	g := newTarget(t)
	stop := g.watch(t)
	var attack sync.WaitGroup
	longest := make([]time.Duration, len(g.slowKinds()))
	var mu sync.Mutex
	n := manyOf(t, slowOnes)
	for i := range n {
		attack.Go(func() {
			kinds := g.slowKinds()
			kind := kinds[i%len(kinds)]
			took, err := kind.hold(t.Context(), strings.TrimPrefix(g.node.url, "http://"))
			if err != nil {
				t.Errorf("%s was held for more than %v: %v", kind.name, kind.limit, err)
			}
			mu.Lock()
			defer mu.Unlock()
			longest[i%len(kinds)] = max(longest[i%len(kinds)], took)
		})
	}
	attack.Go(func() { g.pester(t, n/10) })
	over := make(chan struct{})
	go func() { attack.Wait(); close(over) }()
	took := g.publishUntil(t, over)
	t.Logf("%d slow connections, published meanwhile: %v", n, took)
	for i, k := range g.slowKinds() {
		t.Logf("%s: held for %v at most", k.name, longest[i].Round(10*time.Millisecond))
	}
	if took.at(.5) > publishTime {
		t.Errorf("posts took %v", took)
	}
	g.checkWatched(t, stop())
	g.node.noPanic()
}

// pester keeps some connections that were used once, and opens ten times as many
// more only to close them.
func (g *target) pester(t *testing.T, kept int) {
	address := strings.TrimPrefix(g.node.url, "http://")
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for i := range 10 * kept {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Errorf("connection %d: %v", i, err)
			return
		}
		defer conn.Close()
		if i >= kept {
			conn.Close()
		} else if _, err := io.WriteString(conn, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Errorf("connection %d: %v", i, err)
		}
		<-tick.C
	}
}

// publishUntil publishes one post after the other until over is closed.
func (g *target) publishUntil(t *testing.T, over <-chan struct{}) (took spread) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return took
		case <-tick.C:
		}
		began := time.Now()
		g.robot.must(t, http.MethodPost, g.node.url+blogPath+"/posts", map[string]any{"title": "Meanwhile"}, nil)
		took = append(took, time.Since(began))
	}
}
