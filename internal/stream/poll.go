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

// BatchReset makes a client load the page again.
type BatchReset struct {
	Reason string         `json:"reason" enum:"epoch,ahead,pruned,chain"`
	Epoch  string         `json:"epoch"`
	Head   int64          `json:"head"`
	Chain  liveblog.Chain `json:"chain" doc:"Of the event head"`
}

// Poll returns up to limit events after a position: at once when there are any,
// otherwise when one is committed or wait is over. While it waits it counts as a
// stream for the limits; over one of them it does not wait. A poll that need not wait
// is answered whatever the limits, and by a draining node too.
func (h *Hub) Poll(ctx context.Context, req Request, wait time.Duration, limit int) (*Batch, error) {
	if wait > 0 && h.Draining() {
		h.metrics.Closed(reasonDraining)
		return nil, &liveblog.Problem{Err: liveblog.ErrUnavailable, Code: reasonDraining, Detail: "the node is leaving; ask again", RetryAfter: h.retryAfter(reasonDraining)}
	}
	t, err := h.enter(ctx, req.BlogID, 0, 0)
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
	if wait > 0 {
		prefix := Prefix(req.Address)
		if reason := h.limits.acquire(req.BlogID, prefix); reason == "" {
			defer h.limits.release(req.BlogID, prefix)
		} else {
			h.metrics.Closed(reason)
			wait = 0
		}
	}
	return s.await(ctx, max(wait, 0), limit)
}

// await returns a batch when there are events, or when nothing is left to wait for.
func (s *Subscriber) await(ctx context.Context, wait time.Duration, limit int) (*Batch, error) {
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	for {
		frames, changed, err := s.nextFrames(ctx)
		switch {
		case errors.Is(err, errLogGap):
			refused, err := s.explainGap(ctx)
			switch {
			case err != nil:
				return nil, err
			case refused != nil:
				return resetBatch(*refused), nil
			}
			return s.batch(nil, 0), nil
		case errors.Is(err, errReplaced):
			return resetBatch(*s.resetForChain()), nil
		case err != nil:
			return nil, err
		}
		if len(frames) > 0 || s.generation != s.topic.currentGeneration() || s.done() || wait == 0 {
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

// nextFrames returns the frames that are due, without moving the cursor. The error is
// errReplaced when the cursor belongs to another history.
func (s *Subscriber) nextFrames(ctx context.Context) ([]*Frame, <-chan struct{}, error) {
	t := s.topic
	t.mu.Lock()
	behind, changed := s.cursor < t.ring.low || slices.ContainsFunc(s.pending(), (*Frame).isStripped), t.changed
	frames, mismatch := []*Frame(nil), false
	if !behind && s.generation == t.generation {
		mismatch = s.chainMismatch()
		frames = append(frames, s.pending()...)
	}
	t.mu.Unlock()
	if mismatch {
		return nil, nil, errReplaced
	}
	if !behind {
		return frames, changed, nil
	}
	p, err := t.history(ctx, s.cursor, s.generation)
	if err == nil && s.expectedChain != nil && !p.follows(*s.expectedChain) {
		err = errReplaced
	}
	return p.frames, changed, err
}

func resetBatch(r reset) *Batch {
	br := BatchReset(r)
	return &Batch{Epoch: r.Epoch, Head: r.Head, Next: r.Head, Chain: r.Chain, Events: []BatchEvent{}, Reset: &br}
}

// batch is the response with up to limit frames.
func (s *Subscriber) batch(frames []*Frame, limit int) *Batch {
	t := s.topic
	t.mu.Lock()
	defer t.mu.Unlock()
	b := &Batch{Epoch: t.epoch, Head: t.ring.head, Next: s.cursor, Chain: t.ring.chainAt(s.cursor), Events: []BatchEvent{}}
	if s.generation != t.generation {
		return resetBatch(*s.startAgain(t.resetReason))
	}
	for _, f := range frames[:min(limit, len(frames))] {
		b.Events = append(b.Events, BatchEvent{Seq: f.Seq, Type: f.Name, Data: f.Data})
		b.Next = f.Seq
		b.Chain = f.Chain
	}
	b.Ended = t.status == liveblog.BlogEnded && b.Next == t.ring.head && t.ring.head >= t.target
	return b
}
