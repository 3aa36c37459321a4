package stream

import (
	"encoding/json"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

// maxCounts bounds how many posts' counts a reader gets that has missed some.
const maxCounts = 100

// counts is the newest state of a blog's views. Readers that have the version before
// get what changed since; all others get the counts of the posts that changed last.
// Each of the two is one frame for all readers.
type counts struct {
	version int64
	readers int64
	delta   *wire
	full    *wire // encoded when the first reader needs it
	posts   map[uuid.UUID]int64
	order   []uuid.UUID // of change, the oldest first
}

// Views sends to the readers of a blog how often posts were viewed and how many
// readers there are. Counts that readers have are not sent again.
func (h *Hub) Views(blogID uuid.UUID, c liveblog.Counts) {
	t := h.findTopic(blogID)
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts.update(c) {
		t.broadcast()
	}
}

// update takes absolute counts and reports whether any is new.
func (c *counts) update(next liveblog.Counts) bool {
	changed := liveblog.Counts{Posts: map[uuid.UUID]int64{}, Readers: next.Readers}
	if c.posts == nil {
		c.posts = map[uuid.UUID]int64{}
	}
	for id, n := range next.Posts {
		if c.posts[id] < n {
			changed.Posts[id] = n
			c.set(id, n)
		}
	}
	if len(changed.Posts) == 0 && c.readers == next.Readers {
		return false
	}
	c.readers = next.Readers
	c.version++
	c.delta, c.full = viewsFrame(changed), nil
	return true
}

// set keeps a count, and forgets the one that has not changed for longest.
func (c *counts) set(id uuid.UUID, n int64) {
	for i, other := range c.order {
		if other == id {
			c.order = append(c.order[:i], c.order[i+1:]...)
			break
		}
	}
	c.order = append(c.order, id)
	c.posts[id] = n
	if len(c.order) > maxCounts {
		delete(c.posts, c.order[0])
		c.order = c.order[1:]
	}
}

// since is the frame for a reader that has a version, or nil for the newest one.
func (c *counts) since(version int64) *wire {
	switch {
	case version == c.version:
		return nil
	case version == c.version-1:
		return c.delta
	case c.full == nil:
		c.full = viewsFrame(liveblog.Counts{Posts: c.posts, Readers: c.readers})
	}
	return c.full
}

func viewsFrame(c liveblog.Counts) *wire {
	data, err := json.Marshal(c)
	if err != nil {
		panic("stream: counts are always encodable: " + err.Error())
	}
	chunked, plain := chunk(appendEvent(make([]byte, chunkRoom), nameViews, noID, data))
	return &wire{plain: plain, chunked: chunked}
}
