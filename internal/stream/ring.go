package stream

import "dateline/internal/liveblog"

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
	base   liveblog.Chain // of the event low
	bytes  int

	corrected int64 // the newest event known that is more than an added post
}

// reset empties the ring at a position.
func (r *ring) reset(head int64, chain liveblog.Chain) {
	*r = ring{low: head, head: head, base: chain, corrected: head}
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
	r.bytes += len(f.plain)
	drop := 0
	for len(r.frames)-drop > maxRingFrames || r.bytes > maxRingBytes && len(r.frames)-drop > 1 {
		r.bytes -= len(r.frames[drop].plain)
		r.base = r.frames[drop].Chain
		r.frames[drop] = nil
		drop++
	}
	r.frames = r.frames[drop:]
	r.low += int64(drop)
}

// after gives the frames with seq > cursor, which must be at least low.
func (r *ring) after(cursor int64) []*Frame { return r.frames[cursor-r.low:] }

// replace puts frames that were rendered anew where the old ones are.
func (r *ring) replace(frames []*Frame) {
	for _, f := range frames {
		i := f.Seq - r.low - 1
		if i < 0 || i >= int64(len(r.frames)) {
			continue
		}
		r.bytes += len(f.plain) - len(r.frames[i].plain)
		r.frames[i] = f
	}
}
