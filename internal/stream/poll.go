package stream

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"dateline/internal/liveblog"
)

// Batch is the answer to a long poll: the events of the stream as one JSON document.
type Batch struct {
	Epoch  string         `json:"epoch"`
	Head   int64          `json:"head"`
	Events []BatchEvent   `json:"events" nullable:"false"`
	Next   int64          `json:"next" doc:"Ask again with after=next"`
	Chain  liveblog.Chain `json:"chain,omitempty" doc:"Of the event next: ask again with it as well"`
	Ended  bool           `json:"ended" doc:"The blog is over and this is all of it"`
	Token  string         `json:"token,omitempty" doc:"What a page reports views with; only with token=1"`
	Reset  *BatchReset    `json:"reset,omitempty" doc:"Read the blog anew and go on from its head"`
}

// BatchEvent is one event of the log.
type BatchEvent struct {
	Seq  int64           `json:"seq"`
	Type string          `json:"type" enum:"post,update,delete,blog"`
	Data json.RawMessage `json:"data" doc:"The same as in the stream"`
}

// BatchReset tells a reader to start again.
type BatchReset struct {
	Reason string         `json:"reason" enum:"epoch,ahead,pruned,chain"`
	Epoch  string         `json:"epoch"`
	Head   int64          `json:"head"`
	Chain  liveblog.Chain `json:"chain" doc:"Of the event head"`
}

// Poll answers with up to limit events after a position, at once when there are
// any, else as soon as there is one or after wait. While it waits it counts as a
// stream for the limits; over one of them it does not wait. What needs no waiting
// is answered whatever the limits, by a node that is leaving too.
func (h *Hub) Poll(ctx context.Context, req Request, wait time.Duration, limit int) (*Batch, error) {
	if wait > 0 && h.Draining() {
		return nil, h.leaving()
	}
	t, err := h.enter(ctx, req.BlogID, 0)
	if err != nil {
		return nil, err
	}
	s, refused, err := h.subscribe(ctx, t, req.Position)
	if err != nil {
		return nil, err
	}
	if refused != nil {
		return resetBatch(*refused), nil
	}
	wait, done := h.mayWait(req, wait)
	defer done()
	return s.await(ctx, wait, limit)
}

// mayWait gives the time that a long poll may wait, none over a limit. done ends
// what is counted for it.
func (h *Hub) mayWait(req Request, wished time.Duration) (wait time.Duration, done func()) {
	if wished <= 0 {
		return 0, func() {}
	}
	prefix := Prefix(req.Address)
	if refusal := h.limits.acquire(req.BlogID, prefix); refusal != "" {
		h.metrics.Closed(refusal)
		return 0, func() {}
	}
	return wished, func() { h.limits.release(req.BlogID, prefix) }
}

// await is Poll for a subscriber: it looks, and waits while there is nothing.
func (s *Subscriber) await(ctx context.Context, wait time.Duration, limit int) (*Batch, error) {
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	for {
		frames, changed, err := s.poll(ctx)
		switch {
		case errors.Is(err, errHole):
			return s.lost(ctx)
		case errors.Is(err, errReplaced):
			return resetBatch(*s.refuted()), nil
		case err != nil:
			return nil, err
		}
		if len(frames) > 0 || s.generation != s.topic.generationNow() || s.done() || wait == 0 {
			return s.batch(frames, limit), nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-changed:
		case <-s.topic.hub.draining:
			return s.batch(nil, limit), nil
		case <-timeout.C:
			return s.batch(nil, limit), nil
		}
	}
}

// leaving refuses a long poll that comes to a node which is leaving.
func (h *Hub) leaving() error {
	h.metrics.Closed(nameBye)
	return &liveblog.Problem{Err: liveblog.ErrUnavailable, Code: reasonDraining, Detail: "the node is leaving; ask again", RetryAfter: h.comeBack(nameBye)}
}

// poll gives what is due without moving the cursor. The error is errReplaced when
// the reader's place is in another history.
func (s *Subscriber) poll(ctx context.Context) ([]*Frame, <-chan struct{}, error) {
	t := s.topic
	t.mu.Lock()
	behind, changed := s.cursor < t.ring.low || slices.ContainsFunc(s.pending(), (*Frame).isBare), t.changed
	frames, disproved := []*Frame(nil), false
	if !behind && s.generation == t.generation {
		disproved = s.disproved()
		frames = append(frames, s.pending()...)
	}
	t.mu.Unlock()
	if disproved {
		return nil, nil, errReplaced
	}
	if !behind {
		return frames, changed, nil
	}
	p, err := t.history(ctx, s.cursor, s.generation)
	if err == nil && s.claim != nil && !p.follows(*s.claim) {
		err = errReplaced
	}
	return p.frames, changed, err
}

// lost answers a poll whose next event the log lacks.
func (s *Subscriber) lost(ctx context.Context) (*Batch, error) {
	refused, err := s.giveUp(ctx)
	if err != nil {
		return nil, err
	}
	if refused == nil {
		return s.batch(nil, 0), nil
	}
	return resetBatch(*refused), nil
}

func resetBatch(r reset) *Batch {
	told := BatchReset(r)
	return &Batch{Epoch: r.Epoch, Head: r.Head, Next: r.Head, Chain: r.Chain, Events: []BatchEvent{}, Reset: &told}
}

func (t *topic) generationNow() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.generation
}

func (s *Subscriber) batch(frames []*Frame, limit int) *Batch {
	t := s.topic
	t.mu.Lock()
	defer t.mu.Unlock()
	b := &Batch{Epoch: t.epoch, Head: t.ring.head, Next: s.cursor, Chain: t.ring.chainAt(s.cursor), Events: []BatchEvent{}}
	if s.generation != t.generation {
		return resetBatch(*s.startAgain(t.reason))
	}
	for _, f := range frames[:min(limit, len(frames))] {
		b.Events = append(b.Events, BatchEvent{Seq: f.Seq, Type: f.Name, Data: f.Data})
		b.Next = f.Seq
		b.Chain = f.Chain
	}
	b.Ended = t.status == liveblog.BlogEnded && b.Next == t.ring.head && t.ring.head >= t.target
	return b
}
