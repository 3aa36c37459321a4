package stream

import "github.com/google/uuid"

// Bounds of a ring. Readers further behind are served from the log.
const (
	maxRingFrames = 1024
	maxRingBytes  = 4 << 20
)

// ring holds the newest frames of a blog, without gaps: those with
// low < seq <= head.
type ring struct {
	frames []*Frame
	low    int64
	head   int64
	bytes  int
}

// reset empties the ring at a position.
func (r *ring) reset(head int64) {
	*r = ring{low: head, head: head}
}

// add appends the frame after head and drops the oldest ones over the bounds.
func (r *ring) add(f *Frame) {
	r.frames = append(r.frames, f)
	r.head = f.Seq
	r.bytes += len(f.SSE)
	drop := 0
	for len(r.frames)-drop > maxRingFrames || r.bytes > maxRingBytes && len(r.frames)-drop > 1 {
		r.bytes -= len(r.frames[drop].SSE)
		r.frames[drop] = nil
		drop++
	}
	r.frames = r.frames[drop:]
	r.low += int64(drop)
}

// after gives the frames with seq > cursor, which must be at least low.
func (r *ring) after(cursor int64) []*Frame { return r.frames[cursor-r.low:] }

// replace renders the frames of a post anew, or for nil those of the blog itself,
// so that a text which was corrected or removed is not replayed to those who come
// later.
func (r *ring) replace(postID *uuid.UUID, render func(old *Frame) (*Frame, error)) error {
	for i, old := range r.frames {
		if !same(old.postID, postID) {
			continue
		}
		f, err := render(old)
		if err != nil {
			return err
		}
		r.bytes += len(f.SSE) - len(old.SSE)
		r.frames[i] = f
	}
	return nil
}

func same(a, b *uuid.UUID) bool { return a == b || a != nil && b != nil && *a == *b }
