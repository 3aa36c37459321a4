package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"dateline/internal/proof/pgtest"
)

// seam is the setting of TestE2E_SeamBetweenPageAndStream.
type seam struct {
	t     *testing.T
	url   string
	robot *robot
	next  atomic.Int64
	moved atomic.Int64 // tries whose page was out of date when the stream opened
}

// TestE2E_SeamBetweenPageAndStream loads pages and goes on from them by the
// stream while posts are published before, between and after: the page and the
// stream meet exactly.
func TestE2E_SeamBetweenPageAndStream(t *testing.T) {
	const tries, workers = 1000, 8
	dsn := pgtest.DSN(t)
	s := &seam{t: t, url: startProcess(t, dsn).url, robot: newRobot(t, dsn)}
	s.robot.newBlog(t, s.url, "seam")
	began := time.Now()
	publishing, stop := context.WithCancel(t.Context())
	background := errgroup.Group{}
	background.Go(func() error { return s.publishUntil(publishing) })
	var g errgroup.Group
	for w := range workers {
		g.Go(func() error { return s.tryAll(tries/workers, rand.New(rand.NewPCG(7, uint64(w)))) })
	}
	err := g.Wait()
	stop()
	if err := background.Wait(); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d tries in %v, %d posts published meanwhile; in %d tries the log had moved on between page and stream",
		tries, time.Since(began).Round(time.Millisecond), s.next.Load(), s.moved.Load())
}

func (s *seam) publishUntil(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := s.publish(ctx); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

func (s *seam) publish(ctx context.Context) error {
	post := map[string]any{"title": fmt.Sprint("Post ", s.next.Add(1))}
	a, err := s.robot.call(ctx, http.MethodPost, s.url+"/api/v1/blogs/seam/posts", post)
	if err == nil && a.status != http.StatusCreated {
		err = fmt.Errorf("publish: %d %s", a.status, a.body)
	}
	return err
}

func (s *seam) tryAll(n int, random *rand.Rand) error {
	for range n {
		if err := s.try(random.IntN(8)); err != nil {
			return err
		}
	}
	return nil
}

// try is one reader's page load and stream. The bits of when say where posts of
// its own are published: before the page, between it and the stream, after.
func (s *seam) try(when int) error {
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	if err := s.publishIf(ctx, when&1 != 0); err != nil {
		return err
	}
	p, err := s.load(ctx)
	if err != nil {
		return err
	}
	if err := p.complete(); err != nil {
		return err
	}
	if err := s.publishIf(ctx, when&2 != 0); err != nil {
		return err
	}
	return s.goOn(ctx, p, when&4 != 0)
}

func (s *seam) publishIf(ctx context.Context, yes bool) error {
	if !yes {
		return nil
	}
	return s.publish(ctx)
}

// goOn follows the stream from the page for a few events and checks that the
// next number is the page's plus one.
func (s *seam) goOn(ctx context.Context, p blogPage, publish bool) error {
	r := &sseReader{client: s.robot.client, slug: "seam", query: url.Values{"after": {fmt.Sprint(p.seq)}, "epoch": {p.epoch}}}
	var failed error
	err := r.follow(ctx, s.url, func(e sseEvent) bool {
		if e.name == "hello" && publish {
			failed = s.publish(ctx)
		}
		return failed != nil || e.name == "post" && len(r.log) > 3
	})
	if err != nil || failed != nil {
		return fmt.Errorf("stream from %d: %w %w", p.seq, err, failed)
	}
	return s.checkNumbers(r.log, p.seq)
}

func (s *seam) checkNumbers(log []sseEvent, last int64) error {
	if log[0].name != "hello" || log[0].id != fmt.Sprint(last) {
		return fmt.Errorf("the page ends at %d, the stream begins with %+v", last, log[0])
	}
	if !regexp.MustCompile(fmt.Sprintf(`"head":%d\b`, last)).MatchString(log[0].data) {
		s.moved.Add(1)
	}
	for _, e := range log[1:] {
		if e.name == "views" {
			continue
		}
		if last++; e.name != "post" || e.id != fmt.Sprint(last) {
			return fmt.Errorf("after %d came %s %s", last-1, e.name, e.id)
		}
	}
	return nil
}

// blogPage is what a reader's page says of itself.
type blogPage struct {
	seq       int64
	epoch     string
	positions []int64
}

var (
	mainTag    = regexp.MustCompile(`<main[^>]* data-epoch="(\w+)" data-seq="(\d+)"`)
	articleTag = regexp.MustCompile(`<article[^>]* data-position="(\d+)"`)
)

func (s *seam) load(ctx context.Context) (blogPage, error) {
	var p blogPage
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/b/seam", nil)
	if err != nil {
		return p, err
	}
	a, err := exchange(s.robot.client, req)
	if err != nil {
		return p, err
	}
	m := mainTag.FindSubmatch(a.body)
	if m == nil {
		return p, fmt.Errorf("this is no blog's page: %d %.200s", a.status, a.body)
	}
	p.epoch = string(m[1])
	p.seq, err = strconv.ParseInt(string(m[2]), 10, 64)
	for _, m := range articleTag.FindAllSubmatch(a.body, -1) {
		n, _ := strconv.ParseInt(string(m[1]), 10, 64) // digits, by the pattern
		p.positions = append(p.positions, n)
	}
	return p, err
}

// complete reports whether the page shows exactly the newest posts of the log up
// to its seq: here every event is a new post, so its place is the event's number.
func (p blogPage) complete() error {
	if len(p.positions) != int(min(p.seq, 20)) {
		return fmt.Errorf("the page at %d shows %d posts", p.seq, len(p.positions))
	}
	for i, position := range p.positions {
		if position != p.seq-int64(i) {
			return fmt.Errorf("the page at %d shows the posts %v", p.seq, p.positions)
		}
	}
	return nil
}
