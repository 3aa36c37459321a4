package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

// fetchLimit is how many events one read of the log returns at most.
const fetchLimit = 256

// wake notes that the log goes to seq, and fetches the events that are missing.
func (t *topic) wake(seq int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if seq <= t.target {
		return
	}
	t.target = seq
	t.startFetch()
}

// startFetch makes sure that one fetch runs if events are missing. The caller holds
// t.mu.
func (t *topic) startFetch() {
	if t.fetching || t.ring.head >= t.target {
		return
	}
	t.fetching = t.hub.spawn(t.fetch)
}

// fetch reads the log until the ring reaches the target. After a failure it leaves
// what is missing to the next poll of the heads, at most a second later.
func (t *topic) fetch(ctx context.Context) {
	for {
		from, chain, missing := t.missing()
		if !missing {
			return
		}
		events, err := t.hub.log.EventsAfter(ctx, t.blogID, from, fetchLimit)
		if err == nil && len(events) == 0 {
			err = fmt.Errorf("the log ends at %d", from)
		}
		if err == nil {
			err = t.append(from, chain, events)
		}
		if errors.Is(err, errReplaced) {
			err = t.replaceHistory(ctx, err)
		}
		if err != nil {
			t.stopFetch(ctx, err)
			return
		}
	}
}

// missing returns where to read on, or ends the fetch.
func (t *topic) missing() (from int64, chain liveblog.Chain, missing bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fetching = t.ring.head < t.target
	return t.ring.head, t.ring.chainAt(t.ring.head), t.fetching
}

// stopFetch ends a fetch that failed, so that the next report of events starts
// another.
func (t *topic) stopFetch(ctx context.Context, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fetching, t.target = false, t.ring.head
	if ctx.Err() == nil {
		slog.WarnContext(ctx, "fetch events", "blog", t.blogID, "after", t.ring.head, "error", err)
	}
}

// errReplaced is a log that does not continue what this node has sent.
var errReplaced = errors.New("the log holds another history than the one that was sent")

// replaceHistory begins a new epoch for a log that does not continue the ring. It
// returns cause if the history is the same after all.
func (t *topic) replaceHistory(ctx context.Context, cause error) error {
	before := t.currentGeneration()
	head, err := t.renewEpoch(ctx)
	if err != nil {
		return err
	}
	if t.applyHead(head, 0); t.currentGeneration() == before {
		return cause
	}
	return nil
}

// append adds the frames of events to the ring, and gives the newer content to the
// earlier frames of the same posts, unless another history began while the events
// were read. It encodes without the lock, for which all readers wait. What an event
// costs does not depend on how many came before it.
func (t *topic) append(from int64, chain liveblog.Chain, events []liveblog.Event) error {
	for i, ev := range events {
		if ev.Seq != from+int64(i)+1 {
			return fmt.Errorf("the log of blog %s has %d after %d", t.blogID, ev.Seq, from+int64(i))
		}
		if chain = chain.Next(ev); chain != ev.Chain {
			return fmt.Errorf("blog %s at %d: %w", t.blogID, ev.Seq, errReplaced)
		}
	}
	frames, err := t.hub.frames(events, math.MaxInt)
	if err != nil {
		return err
	}
	newest := newestContents(frames)
	if err := t.renewBlogContent(events, newest); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ring.head != from {
		return nil
	}
	for subject, c := range newest {
		t.ring.setContent(subject, c)
	}
	for i, ev := range events {
		t.ring.add(frames[i])
		if ev.Blog != nil {
			t.status = ev.Blog.Status
		}
	}
	t.target = max(t.target, t.ring.head)
	t.hub.metrics.Fetched(len(frames))
	t.broadcast()
	return nil
}

// newestContents finds the content of each subject in frames. Events that were read
// together are equally new, but a deletion has a content of its own.
func newestContents(frames []*Frame) map[uuid.UUID]*content {
	newest := map[uuid.UUID]*content{}
	for _, f := range frames {
		if newest[f.subject] == nil || f.event != liveblog.EventDelete {
			newest[f.subject] = f.content
		}
	}
	return newest
}

// renewBlogContent keeps the newest event of the blog itself, which carries the
// pinned post. When that post changes, it adds the blog's new content to newest.
func (t *topic) renewBlogContent(events []liveblog.Event, newest map[uuid.UUID]*content) error {
	posts := map[uuid.UUID]*liveblog.Post{}
	for _, ev := range events {
		if ev.Type == liveblog.EventBlog {
			t.blogEvent = ev
		} else {
			posts[subject(ev)] = ev.Post
		}
	}
	pinned := t.blogEvent.Pinned
	if newest[uuid.Nil] != nil || pinned == nil || posts[pinned.ID] == nil {
		return nil
	}
	t.blogEvent.Pinned = posts[pinned.ID]
	c, err := newContent(t.blogEvent, t.hub.encode)
	newest[uuid.Nil] = c
	return err
}
