package stream

import (
	"context"
	"errors"
	"fmt"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

// maxPage bounds, in bytes, what a slow reader behind the ring holds in memory.
const maxPage = 256 << 10

// errLogGap is a log that lacks the next event.
var errLogGap = errors.New("the log lacks the next event")

// page is a part of the log that the ring does not hold ready.
type page struct {
	frames []*Frame
	first  liveblog.Event
	before liveblog.Chain // of the event before the first, if the page was made from the ring
}

// follows reports whether the page continues an event with this chain.
func (p page) follows(chain liveblog.Chain) bool {
	if p.before != "" {
		return chain == p.before
	}
	return chain.Next(p.first) == p.first.Chain
}

// readPage reads what the ring no longer holds from the log, and moves the cursor
// past it. Readers at the same place share one read. When the log no longer has the
// next event either, readPage returns the reset that says so, and the subscriber goes
// on from the end of the log.
func (s *Subscriber) readPage(ctx context.Context) ([]*Frame, *reset, error) {
	p, err := s.topic.history(ctx, s.cursor, s.generation)
	if errors.Is(err, errLogGap) {
		refused, err := s.explainGap(ctx)
		return nil, refused, err
	}
	if err != nil {
		return nil, nil, err
	}
	if s.expectedChain != nil && !p.follows(*s.expectedChain) {
		return nil, s.resetForChain(), nil
	}
	s.moveTo(p.frames[len(p.frames)-1])
	return p.frames, nil, nil
}

// explainGap finds out why the log lacks the next event. Either the event was pruned
// after the stream began, or another history began, which peek will report; anything
// else is an error.
func (s *Subscriber) explainGap(ctx context.Context) (*reset, error) {
	t := s.topic
	if err := t.refreshHead(ctx); err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case s.generation != t.generation:
		return nil, nil
	case s.cursor >= t.lowSeq:
		return nil, fmt.Errorf("blog %s after %d: %w", t.blogID, s.cursor, errLogGap)
	}
	return s.startAgain(reasonPruned), nil
}

// history makes the page of frames after a cursor, once for all readers that ask at
// the same time and know equally much: a reader that knows of a removal gets nothing
// that was read before the removal. The page is made from the ring if that has the
// events, otherwise from the log. It is not kept, since a text may be corrected at
// any moment. It ends before the first gap; a gap at its beginning is errLogGap.
func (t *topic) history(ctx context.Context, after int64, generation int) (page, error) {
	key := fmt.Sprintf("history %s %d %d %d", t.blogID, generation, after, t.hub.heads.seq(t.blogID))
	read, err, _ := t.hub.loads.Do(key, func() (any, error) {
		if p := t.encodeRing(after, generation); len(p.frames) > 0 {
			return p, nil
		}
		ctx := liveblog.WithAnonymous(context.WithoutCancel(ctx), true) // readers wait for it, the ring never does
		events, err := t.hub.log.EventsAfter(ctx, t.blogID, after, fetchLimit)
		if err != nil {
			return nil, err
		}
		if events = contiguous(events, after); len(events) == 0 {
			return nil, errLogGap
		}
		frames, err := t.hub.frames(events, maxPage)
		return page{frames: frames, first: events[0]}, err
	})
	if err != nil {
		return page{}, err
	}
	return read.(page), nil
}

// contiguous are the events that follow a cursor and each other without a gap.
func contiguous(events []liveblog.Event, after int64) []liveblog.Event {
	for i, ev := range events {
		if ev.Seq != after+int64(i)+1 {
			return events[:i]
		}
	}
	return events
}

// encodeRing makes a page from the ring. It encodes the frames that have no bytes,
// or not in a form that readers want by now, and puts them into the ring for the
// readers that come next.
func (t *topic) encodeRing(after int64, generation int) (p page) {
	t.mu.Lock()
	if generation != t.generation || after < t.ring.low || after >= t.ring.head {
		t.mu.Unlock()
		return p
	}
	entries := t.ring.pageAfter(after)
	p.before = t.ring.chainAt(after)
	t.mu.Unlock()
	for _, entry := range entries {
		f := entry.frame
		if f.isStripped() {
			f = f.stripped().encode(entry.content, false)
		}
		t.hub.prepare(f)
		p.frames = append(p.frames, f)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, entry := range entries {
		if p.frames[i] != entry.frame {
			t.ring.replace(entry, p.frames[i])
		}
	}
	return p
}

// frames encodes events: at least one, and then as many as fit into maxBytes. The
// content of each subject is encoded once, since the events were read together.
func (h *Hub) frames(events []liveblog.Event, maxBytes int) (frames []*Frame, err error) {
	contents := map[uuid.UUID]*content{}
	size := 0
	for _, ev := range events {
		c := contents[subject(ev)]
		unshared := c == nil || ev.Type == liveblog.EventDelete // a deletion has a content of its own
		if unshared {
			if c, err = newContent(ev, h.encode); err != nil {
				return nil, err
			}
		}
		if ev.Type != liveblog.EventDelete {
			contents[subject(ev)] = c
		}
		f := newFrame(ev, c, unshared)
		if size += len(f.plain); size > maxBytes && len(frames) > 0 {
			break
		}
		h.prepare(f)
		frames = append(frames, f)
	}
	return frames, nil
}

// prepare encodes the forms of a frame that readers want. It is called where no
// reader waits for the result.
func (h *Hub) prepare(f *Frame) {
	forms := []*wire{&f.wire}
	if h.receipting.Load() {
		forms = append(forms, f.withReceipt())
	}
	if h.compressing.Load() {
		for _, w := range forms {
			w.compress()
		}
	}
}
