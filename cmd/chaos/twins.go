//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"dateline/internal/chaos/history"
)

// twins is how many posts are sent to several nodes at once.
const twins = 20

// sendTwins sends posts to all nodes at the same time with one key each, as a
// careless proxy does, and again later.
func sendTwins(ctx context.Context, _ *run, s *stage) error {
	for i := range twins {
		w := history.Write{Op: history.Create, Blog: s.slugs[0], Attempts: 1, Began: time.Now().UnixNano()}
		w.Key = fmt.Sprintf("twins-of-chaos-%d-%d", i, w.Began)
		w.Text = "twin " + w.Key
		var g errgroup.Group
		for n := range s.bed.Nodes() {
			g.Go(func() error { return s.twin(ctx, n+1, w) })
		}
		if err := g.Wait(); err != nil {
			return err
		}
		if err := s.twin(ctx, 1, w); err != nil {
			return err
		}
	}
	return nil
}

// twin sends one request and writes down what it was told. Without an answer
// nothing was told, and the others' answers stand.
func (s *stage) twin(ctx context.Context, number int, w history.Write) error {
	body := fmt.Sprintf(`{"title":%q,"body":"one of two"}`, w.Text)
	url := s.node(number).URL() + "/api/v1/blogs/" + w.Blog + "/posts"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", w.Key)
	resp, err := s.client.Do(req)
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusCreated {
		return nil
	}
	var told struct {
		ID      string
		Seq     int64
		Version int64
	}
	if err := json.Unmarshal(text, &told); err != nil {
		return fmt.Errorf("answer to a twin: %w", err)
	}
	w.Post, w.Seq, w.Version, w.Status = told.ID, told.Seq, told.Version, resp.StatusCode
	w.Replayed = resp.Header.Get("Idempotent-Replayed") == "true"
	w.Ended = time.Now().UnixNano()
	s.writes.Add(w)
	return nil
}
