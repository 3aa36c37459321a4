package e2e

import (
	"bytes"
	"context"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"dateline/internal/proof/pgtest"
)

// BenchmarkStorm lets thousands of readers come at once, as after a node died,
// and reports when the last one is served and what publishers feel meanwhile.
func BenchmarkStorm(b *testing.B) {
	const readers = 5000
	dsn := pgtest.DSN(b)
	node, robot := startProcess(b, dsn, "--streams-per-address=0"), newRobot(b, dsn)
	robot.newBlog(b, node.url, "storm")
	calm := publishUntil(b, robot, node.url, time.After(time.Second))
	before := number(b, dsn, `SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()`)
	var storm sync.WaitGroup
	served := make(chan time.Duration, readers)
	over := make(chan time.Time)
	began := time.Now()
	for range readers {
		storm.Go(func() { served <- arrive(b, node.url, began) })
	}
	go func() { storm.Wait(); close(over) }()
	during := publishUntil(b, robot, node.url, over)
	close(served)
	var first spread
	for d := range served {
		first = append(first, d)
	}
	asked := number(b, dsn, `SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()`) - before
	b.Logf("readers are served after: %s", first)
	b.Logf("publishing, before: %s", calm)
	b.Logf("publishing, during: %s; %d transactions in all", during, asked)
	node.noPanic()
}

// publishUntil publishes one post after the other and measures each.
func publishUntil[T any](t testing.TB, robot *robot, node string, over <-chan T) (took spread) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return took
		case <-tick.C:
			began := time.Now()
			robot.post(t, node, "storm", "Published in the storm")
			took = append(took, time.Since(began))
		}
	}
}

var retryField = regexp.MustCompile(`retry: (\d+)`)

// arrive opens a stream, as often as it is told to come back, and returns when
// it has begun. The connection stays open until the test ends.
func arrive(t testing.TB, node string, began time.Time) time.Duration {
	for {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(node, "http://"))
		if err != nil {
			t.Error(err)
			return time.Since(began)
		}
		_, _ = io.WriteString(c, "GET /api/v1/blogs/storm/stream HTTP/1.1\r\nHost: x\r\n\r\n")
		wait, open := begins(c)
		if open {
			context.AfterFunc(t.Context(), func() { c.Close() })
			return time.Since(began)
		}
		c.Close()
		<-time.After(wait)
	}
}

// begins reads until a stream has begun or ended; then it tells how long to wait.
func begins(c net.Conn) (wait time.Duration, open bool) {
	var text []byte
	chunk := make([]byte, 1024)
	for !bytes.Contains(text, []byte("event: hello")) {
		n, err := c.Read(chunk)
		text = append(text, chunk[:n]...)
		if err != nil || bytes.HasSuffix(text, []byte("0\r\n\r\n")) {
			return time.Second, false
		}
		if m := retryField.FindSubmatch(text); m != nil && bytes.Contains(text, []byte("Content-Length")) {
			ms, _ := strconv.Atoi(string(m[1]))
			return time.Duration(ms) * time.Millisecond, false
		}
	}
	return 0, true
}
