package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"dateline/internal/proof/eventsource"
	"dateline/internal/proof/pgtest"
)

// TestE2E_FloodOfConnections floods a node that may have few files open with
// connections that ask nothing, and with streams. Those who are connected go on
// publishing meanwhile, nothing breaks, and after the flood all is served again.
func TestE2E_FloodOfConnections(t *testing.T) {
	t.Parallel()
	const files = 256
	dsn := pgtest.DSN(t)
	node := startAs(t, []string{"sh", "-c", `ulimit -n 256; exec "$0" "$@"`, programPath(t)}, dsn)
	robot := newRobot(t, dsn)
	robot.newBlog(t, node.url, "flood")
	conns := flood(t, node, 2*files)
	began := time.Now()
	for range 50 {
		robot.post(t, node.url, "flood", "Published in the flood")
	}
	t.Logf("50 posts took %v; the node has %d of %d files open", time.Since(began).Round(time.Millisecond), node.usage(t).files, files)
	if n := node.usage(t).files; n > files*9/10 {
		t.Errorf("%d files are open, and none is left for the database", n)
	}
	for _, c := range conns {
		c.Close()
	}
	eventually(t, startLimit, "the node has let go of the flood", func() bool { return node.usage(t).files < files/4 })
	late := &sseReader{client: newClient(), slug: "flood", query: url.Values{"after": {"0"}}}
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	if err := late.follow(ctx, node.url, func(e sseEvent) bool { return e.id == "50" }); err != nil {
		t.Errorf("after the flood: %v", err)
	}
	node.noPanic()
	if strings.Contains(node.log.String(), "too many open files") {
		t.Error("the node ran out of files")
	}
}

// flood opens connections, every second one with a stream, and returns when the
// node takes no more.
func flood(t *testing.T, node *process, n int) (conns []net.Conn) {
	t.Helper()
	for i := range n {
		c, err := narrow(i).DialContext(t.Context(), "tcp", strings.TrimPrefix(node.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if i%2 == 0 {
			_, _ = io.WriteString(c, "GET /api/v1/blogs/flood/stream HTTP/1.1\r\nHost: x\r\n\r\n") // it may not be taken
		}
		conns = append(conns, c)
	}
	busy := node.usage(t).files
	eventually(t, startLimit, "the node is full", func() bool {
		before := busy
		busy = node.usage(t).files
		return busy > n/4 && busy == before
	})
	return conns
}

// TestE2E_LimitsAreToldToReaders wants those over a limit to get words that
// EventSource goes on with, and polls to be answered at once.
func TestE2E_LimitsAreToldToReaders(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	node, robot := startProcess(t, dsn, "--streams=3", "--streams-per-blog=2", "--streams-per-address=1"), newRobot(t, dsn)
	for _, slug := range []string{"one", "two"} {
		robot.newBlog(t, node.url, slug)
	}
	hold := func(host int, slug string) {
		res := look(t, from(host), node.url+"/api/v1/blogs/"+slug+"/stream")
		t.Cleanup(func() { res.Body.Close() })
	}
	refused := func(host int, slug, reason string) {
		t.Helper()
		poll := "/api/v1/blogs/" + slug + "/events"
		checkTurnedAway(t, look(t, from(host), node.url+"/api/v1/blogs/"+slug+"/stream"), fmt.Sprintf(`{"reason":%q,"poll":%q}`, reason, poll))
		began := time.Now()
		res := look(t, from(host), node.url+poll+"?wait=20")
		defer res.Body.Close()
		if took := time.Since(began); res.StatusCode != http.StatusOK || took > 10*time.Second {
			t.Errorf("a long poll: %s after %s", res.Status, took)
		}
	}
	hold(1, "one")
	refused(1, "two", "address_limit")
	hold(2, "one")
	refused(3, "one", "blog_limit")
	hold(3, "two")
	refused(4, "two", "node_limit")
	node.noPanic()
}

// from is a client at one of many addresses of this machine.
func from(host int) *http.Client {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 3, byte(host))}}
	return &http.Client{Transport: &http.Transport{DialContext: d.DialContext, DisableKeepAlives: true}}
}

func look(t *testing.T, c *http.Client, address string) *http.Response {
	t.Helper()
	res, err := c.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// checkTurnedAway wants a stream with nothing but a long wait and why.
func checkTurnedAway(t *testing.T, res *http.Response, why string) {
	t.Helper()
	defer res.Body.Close()
	p := eventsource.NewParser(res.Body)
	said, err := p.Next()
	_, end := p.Next()
	if err != nil || said.Name != "bye" || string(said.Data) != why || !errors.Is(end, io.EOF) {
		t.Errorf("got %s %s, %v and %v", said.Name, said.Data, err, end)
	}
	if res.StatusCode != http.StatusOK || p.Retry() < 5000 || p.Retry() > 15_000 {
		t.Errorf("%s, retry %d", res.Status, p.Retry())
	}
}
