//go:build unix

package run

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"dateline/internal/apiclient"
	"dateline/internal/proof/chaos/history"
)

// twins is how many posts are sent to several nodes at once.
const twins = 20

// sendTwins sends posts to all nodes at the same time with one key each, as a
// careless proxy does, and again later.
func sendTwins(ctx context.Context, _ *run, s *stage) error {
	for i := range twins {
		w := s.newWrite("twin", i)
		var g errgroup.Group
		for n := range s.bed.Nodes() {
			g.Go(func() error { return s.post(ctx, n+1, w, "one of two") })
		}
		if err := g.Wait(); err != nil {
			return err
		}
		if err := s.post(ctx, 1, w, "one of two"); err != nil {
			return err
		}
	}
	return nil
}

// long is how many posts of longBody bytes are more than the buffers of a socket
// and less than a node's ring.
const (
	long     = 24
	longBody = 60 << 10
)

// sendLong publishes posts that together are more than a socket takes.
func sendLong(ctx context.Context, _ *run, s *stage) error {
	for i := range long {
		if err := s.post(ctx, 1, s.newWrite("long", i), strings.Repeat("and ", longBody/4)); err != nil {
			return err
		}
	}
	return nil
}

// api sends requests with the run's token to a node or the balancer.
func (s *stage) api(base string) *apiclient.Client {
	return &apiclient.Client{URL: base, Token: s.token, HTTP: s.client}
}

// newWrite is a post that the act itself sends.
func (s *stage) newWrite(what string, i int) history.Write {
	w := history.Write{Op: history.Create, Blog: s.slugs[0], Attempts: 1, Began: time.Now().UnixNano()}
	w.Key = fmt.Sprintf("%s-of-chaos-%d-%d", what, i, w.Began)
	w.Text = what + " " + w.Key
	return w
}

// post sends one request and records the answer. Without an answer there is
// nothing to record.
func (s *stage) post(ctx context.Context, number int, w history.Write, text string) error {
	return s.postTo(ctx, s.node(number).URL(), w, text)
}

// postTo does so at an address of a node.
func (s *stage) postTo(ctx context.Context, base string, w history.Write, text string) error {
	got, err := s.api(base).Send(ctx, apiclient.Request{
		Method: http.MethodPost, Path: "/api/v1/blogs/" + w.Blog + "/posts", Key: w.Key,
		Body: apiclient.JSON(map[string]string{"title": w.Text, "body": text}),
	})
	if err != nil || got.Status != http.StatusCreated {
		return nil //nolint:nilerr // without an answer there is nothing to record
	}
	var told struct {
		ID      string
		Seq     int64
		Version int64
	}
	if err := json.Unmarshal(got.Body, &told); err != nil {
		return fmt.Errorf("answer to %q: %w", w.Text, err)
	}
	w.Post, w.Seq, w.Version, w.Status = told.ID, told.Seq, told.Version, got.Status
	w.Replayed = got.Replayed()
	w.Ended = time.Now().UnixNano()
	s.writes.Add(w)
	return nil
}
