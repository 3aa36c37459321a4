package stream

import (
	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

// Bounds of a ring. Readers further behind are served from the log.
const (
	maxRingFrames = 1024
	maxRingBytes  = 4 << 20
)

// ring holds the newest frames of a blog, without gaps: those with
// low < seq <= head. Frames whose content was replaced by a newer one are bare: most
// are never asked for again, and those that are, are made then (Hub.recall).
type ring struct {
	frames []*Frame
	low    int64
	head   int64
	base   liveblog.Chain // of the event low
	bytes  int
	told   map[uuid.UUID]*telling

	corrected int64 // the newest event known that is more than an added post
}

// telling is what the frames of one subject tell.
type telling struct {
	content *content
	frames  int     // that the ring has of it
	made    []int64 // numbers of those that are not bare
}

// reset empties the ring at a position.
func (r *ring) reset(head int64, chain liveblog.Chain) {
	*r = ring{low: head, head: head, base: chain, told: map[uuid.UUID]*telling{}, corrected: head}
}

// chainAt is the chain of an event of the ring or of the one before the first;
// of others it is not known.
func (r *ring) chainAt(seq int64) liveblog.Chain {
	switch {
	case seq == r.low:
		return r.base
	case seq > r.low && seq <= r.head:
		return r.frames[seq-r.low-1].Chain
	default:
		return ""
	}
}

// add appends the frame after head and drops the oldest ones over the bounds.
func (r *ring) add(f *Frame) {
	r.frames = append(r.frames, f)
	r.head = f.Seq
	if f.event != liveblog.EventPost {
		r.corrected = f.Seq
	}
	t := r.told[f.subject]
	if t == nil {
		t = &telling{content: f.content}
		r.told[f.subject] = t
	}
	t.frames++
	r.keep(t, f)
	drop := 0
	for len(r.frames)-drop > maxRingFrames || r.bytes > maxRingBytes && len(r.frames)-drop > 1 {
		r.forget(r.frames[drop])
		r.frames[drop] = nil
		drop++
	}
	r.frames = r.frames[drop:]
	r.low += int64(drop)
}

// keep counts the bytes of a frame. A deletion stays as it is, whatever becomes of
// its post: it holds no text.
func (r *ring) keep(t *telling, f *Frame) {
	r.bytes += len(f.plain)
	if f.event != liveblog.EventDelete {
		t.made = append(t.made, f.Seq)
	}
}

// forget lets go of the oldest frame.
func (r *ring) forget(f *Frame) {
	r.bytes -= len(f.plain)
	r.base = f.Chain
	t := r.told[f.subject]
	if t.frames--; t.frames == 0 {
		delete(r.told, f.subject)
	}
}

// after gives the frames with seq > cursor, which must be at least low.
func (r *ring) after(cursor int64) []*Frame { return r.frames[cursor-r.low:] }

// at is where the frame with a number is, or -1.
func (r *ring) at(seq int64) int {
	if seq <= r.low || seq > r.head {
		return -1
	}
	return int(seq - r.low - 1)
}

// renew gives the frames of a subject another content, so that a text which was
// corrected or removed is not replayed to those who come later. Each frame is
// made bare once for each time that it was made.
func (r *ring) renew(subject uuid.UUID, c *content) {
	t := r.told[subject]
	if t == nil {
		return
	}
	for _, seq := range t.made {
		if i := r.at(seq); i >= 0 {
			r.bytes -= len(r.frames[i].plain)
			r.frames[i] = r.frames[i].bare()
		}
	}
	t.content, t.made = c, t.made[:0]
}

// draft is a frame of the ring, and what it would tell.
type draft struct {
	frame   *Frame
	content *content
}

// drafts gives the first frames after a cursor, at least one, that are not more
// than a page.
func (r *ring) drafts(cursor int64) (list []draft) {
	size := 0
	for _, f := range r.after(cursor) {
		d := draft{f, r.told[f.subject].content}
		if size += max(len(f.plain), len(d.content.tail)); size > maxPage && len(list) > 0 {
			break
		}
		list = append(list, d)
	}
	return list
}

// put replaces a frame that is bare by one that was made of it, unless the ring
// went on meanwhile.
func (r *ring) put(d draft, f *Frame) {
	i := r.at(f.Seq)
	if i < 0 || r.frames[i] != d.frame {
		return
	}
	if t := r.told[f.subject]; t.content == d.content {
		r.frames[i] = f
		r.keep(t, f)
	}
}
