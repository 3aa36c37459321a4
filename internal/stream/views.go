package stream

import (
	"encoding/json"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

// maxCounts bounds how many posts' counts a reader who missed some is told.
const maxCounts = 100

// counts is the newest state of a blog's views. Readers who saw the version
// before get what changed since, all others get the counts of the last posts
// that changed: one frame each, whoever asks.
type counts struct {
	version int64
	readers int64
	delta   *wire
	full    *wire // rendered when the first reader needs it
	posts   map[uuid.UUID]int64
	order   []uuid.UUID // of change, the oldest first
}

// Views tells the readers of a blog how often posts were viewed and how many
// readers there are. Counts that are known already are not told again.
func (h *Hub) Views(blogID uuid.UUID, c liveblog.Counts) {
	t := h.known(blogID)
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts.update(c) {
		t.broadcast()
	}
}

// update takes absolute counts over and reports whether anything is new.
func (c *counts) update(next liveblog.Counts) bool {
	news := liveblog.Counts{Posts: map[uuid.UUID]int64{}, Readers: next.Readers}
	if c.posts == nil {
		c.posts = map[uuid.UUID]int64{}
	}
	for id, n := range next.Posts {
		if c.posts[id] < n {
			news.Posts[id] = n
			c.note(id, n)
		}
	}
	if len(news.Posts) == 0 && c.readers == next.Readers {
		return false
	}
	c.readers = next.Readers
	c.version++
	c.delta, c.full = viewsFrame(news), nil
	return true
}

// note keeps a count, and forgets the one that has not changed for longest.
func (c *counts) note(id uuid.UUID, n int64) {
	for i, old := range c.order {
		if old == id {
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

// since gives the frame for a reader who has seen a version.
func (c *counts) since(seen int64) *wire {
	switch {
	case seen == c.version:
		return nil
	case seen == c.version-1:
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
	whole, plain := chunk(appendEvent(make([]byte, sizeRoom), nameViews, noID, data))
	return &wire{plain: plain, whole: whole}
}
