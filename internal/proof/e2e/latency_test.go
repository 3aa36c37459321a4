package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"dateline/internal/proof/pgtest"
)

// readerGroup are readers of one node, each on a socket of its own.
type readerGroup struct {
	t       testing.TB
	url     string
	mu      sync.Mutex
	first   spread // to the first byte of each stream
	arrived chan time.Time
}

// TestE2E_FirstByteAndLatency measures what readers feel, through the whole
// chain of middleware and over real sockets: how fast a stream opens, and how
// long after the publisher's request a post is there.
func TestE2E_FirstByteAndLatency(t *testing.T) {
	const streams, posts = 1000, 20
	dsn := pgtest.DSN(t)
	node, robot := startProcess(t, dsn), newRobot(t, dsn)
	robot.newBlog(t, node.url, "many")
	c := &readerGroup{t: t, url: node.url, arrived: make(chan time.Time, streams)}
	ctx, leave := context.WithCancel(t.Context())
	wait := c.open(ctx, streams)
	fromRequest, fromAnswer := c.measure(robot, posts)
	leave()
	wait()
	t.Logf("first byte of %s", c.first)
	t.Logf("publish request to reader: %s", fromRequest)
	t.Logf("publish answer to reader: %s", fromAnswer)
	if slow := c.first.at(.99); slow > 100*time.Millisecond {
		t.Errorf("1 of 100 streams waits %v for its first byte", slow)
	}
	// A post that waits for the look at the log, once a second, takes half of one.
	if slow := fromRequest.at(.5); slow > 400*time.Millisecond {
		t.Errorf("half of the readers get a post after more than %v", slow)
	}
}

// open opens streams, a few at a time, and returns when each had its first event.
// The returned function waits for their end.
func (c *readerGroup) open(ctx context.Context, streams int) (wait func()) {
	c.t.Helper()
	var all sync.WaitGroup
	var opening errgroup.Group
	opening.SetLimit(4)
	var ready atomic.Int64
	for i := range streams {
		opening.Go(func() error {
			hello := make(chan struct{})
			all.Go(func() { c.follow(ctx, localClient(i), hello) })
			select {
			case <-hello:
				ready.Add(1)
				return nil
			case <-time.After(startLimit):
				return fmt.Errorf("stream %d did not open", i)
			}
		})
	}
	if err := opening.Wait(); err != nil {
		c.t.Fatal(err)
	}
	return all.Wait
}

func (c *readerGroup) follow(ctx context.Context, client *http.Client, hello chan struct{}) {
	r := &sseReader{client: client, slug: "many", query: url.Values{}}
	began := time.Now()
	err := r.follow(ctx, c.url, func(e sseEvent) bool {
		switch e.name {
		case "hello":
			c.mu.Lock()
			c.first = append(c.first, e.at.Sub(began))
			c.mu.Unlock()
			close(hello)
		case "post":
			c.arrived <- e.at
		}
		return false
	})
	if ctx.Err() == nil {
		c.t.Errorf("a stream ended: %v", err)
	}
}

// measure publishes one post after the other, each when all have the one before.
func (c *readerGroup) measure(robot *robot, posts int) (fromRequest, fromAnswer spread) {
	c.t.Helper()
	for i := range posts {
		asked := time.Now()
		robot.post(c.t, c.url, "many", fmt.Sprint("Post ", i))
		answered := time.Now()
		for range cap(c.arrived) {
			select {
			case at := <-c.arrived:
				fromRequest = append(fromRequest, at.Sub(asked))
				fromAnswer = append(fromAnswer, max(0, at.Sub(answered)))
			case <-time.After(startLimit):
				c.t.Fatalf("post %d did not reach all readers", i)
			}
		}
	}
	return fromRequest, fromAnswer
}

// localClient connects from one of several loopback addresses: one address may
// have only so many streams.
func localClient(i int) *http.Client {
	from := &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i/200))}
	return &http.Client{Transport: &http.Transport{DialContext: (&net.Dialer{LocalAddr: from}).DialContext, DisableCompression: true}}
}
