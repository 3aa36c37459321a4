package stream

import (
	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

// Bounds of a ring. Readers further behind get pages of the log.
const (
	maxRingFrames = 1024
	maxRingBytes  = 4 << 20
)

// ring holds the newest frames of a blog, those with low < seq <= head, without gaps.
// A frame whose content was replaced by a newer one is stripped of its bytes: most are
// never read again, and the others are encoded when they are (topic.encodeRing).
type ring struct {
	frames   []*Frame
	low      int64
	head     int64
	lowChain liveblog.Chain // of the event low
	bytes    int
	subjects map[uuid.UUID]*subjectFrames

	corrected int64 // the newest known event that is more than an added post
}

// subjectFrames are the frames of one post, or of the blog itself.
type subjectFrames struct {
	content *content // the newest
	count   int      // of frames in the ring
	encoded []int64  // numbers of those that are not stripped
}

// reset empties the ring at a position.
func (r *ring) reset(head int64, chain liveblog.Chain) {
	*r = ring{low: head, head: head, lowChain: chain, subjects: map[uuid.UUID]*subjectFrames{}, corrected: head}
}

// chainAt is the chain of an event of the ring or of the one before the first. It is
// "" for other events, whose chain is not known.
func (r *ring) chainAt(seq int64) liveblog.Chain {
	switch {
	case seq == r.low:
		return r.lowChain
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
	sf := r.subjects[f.subject]
	if sf == nil {
		sf = &subjectFrames{content: f.content}
		r.subjects[f.subject] = sf
	}
	sf.count++
	r.noteEncoded(sf, f)
	drop := 0
	for len(r.frames)-drop > maxRingFrames || r.bytes > maxRingBytes && len(r.frames)-drop > 1 {
		r.forget(r.frames[drop])
		r.frames[drop] = nil
		drop++
	}
	r.frames = r.frames[drop:]
	r.low += int64(drop)
}

// noteEncoded counts the bytes of a frame. A deletion is never stripped, whatever
// becomes of its post: it holds no text.
func (r *ring) noteEncoded(sf *subjectFrames, f *Frame) {
	r.bytes += len(f.plain)
	if f.event != liveblog.EventDelete {
		sf.encoded = append(sf.encoded, f.Seq)
	}
}

// forget takes the oldest frame out of the counts.
func (r *ring) forget(f *Frame) {
	r.bytes -= len(f.plain)
	r.lowChain = f.Chain
	sf := r.subjects[f.subject]
	if sf.count--; sf.count == 0 {
		delete(r.subjects, f.subject)
	}
}

// after are the frames with seq > cursor, which must be at least low.
func (r *ring) after(cursor int64) []*Frame { return r.frames[cursor-r.low:] }

// index is where the frame with a number is, or -1.
func (r *ring) index(seq int64) int {
	if seq <= r.low || seq > r.head {
		return -1
	}
	return int(seq - r.low - 1)
}

// setContent gives the frames of a subject another content, so that a text which was
// corrected or removed is not replayed. Each frame is stripped once for each time
// that it was encoded.
func (r *ring) setContent(subject uuid.UUID, c *content) {
	sf := r.subjects[subject]
	if sf == nil {
		return
	}
	for _, seq := range sf.encoded {
		if i := r.index(seq); i >= 0 {
			r.bytes -= len(r.frames[i].plain)
			r.frames[i] = r.frames[i].stripped()
		}
	}
	sf.content, sf.encoded = c, sf.encoded[:0]
}

// ringEntry is a frame of the ring and the content that belongs to it.
type ringEntry struct {
	frame   *Frame
	content *content
}

// pageAfter are the frames after a cursor: at least one, and then as many as fit
// into a page.
func (r *ring) pageAfter(cursor int64) (entries []ringEntry) {
	size := 0
	for _, f := range r.after(cursor) {
		e := ringEntry{f, r.subjects[f.subject].content}
		if size += max(len(f.plain), len(e.content.tail)); size > maxPage && len(entries) > 0 {
			break
		}
		entries = append(entries, e)
	}
	return entries
}

// replace puts an encoded frame in the place of a stripped one, unless the ring has
// changed there meanwhile.
func (r *ring) replace(e ringEntry, f *Frame) {
	i := r.index(f.Seq)
	if i < 0 || r.frames[i] != e.frame {
		return
	}
	if sf := r.subjects[f.subject]; sf.content == e.content {
		r.frames[i] = f
		r.noteEncoded(sf, f)
	}
}
