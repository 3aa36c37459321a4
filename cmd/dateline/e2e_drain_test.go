package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"dateline/internal/pgtest"
)

// TestE2E_Drain stops a node that has readers. Each is sent on politely, the
// views that were reported are stored, and the process ends well.
func TestE2E_Drain(t *testing.T) {
	t.Parallel()
	const streams, beacons = 200, 400
	dsn := pgtest.DSN(t)
	node, robot := startProcess(t, dsn), newRobot(t, dsn)
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

// sendBeacons reports one view of a post from each of n pages and returns how
// many were accepted.
func sendBeacons(t *testing.T, node, slug, post string, n int) (accepted int64) {
	t.Helper()
	client := newClient()
	for i := range n {
		body, err := json.Marshal(map[string]any{"token": fmt.Sprintf("page-of-a-reader-%06d", i), "posts": []string{post}})
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
	for i, r := range readers {
		last, first := r.log[len(r.log)-1], r.log[0]
		if last.name != "bye" || last.retry < 200 || last.retry >= 2000 || first.retry < 500 || first.retry >= 2000 {
			t.Errorf("reader %d: first %+v, last %+v", i, first, last)
		}
		waits[last.retry] = true
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
