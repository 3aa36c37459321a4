package check

import "dateline/internal/proof/chaos/history"

// hole is a run of events that did not come, from first to last.
type hole struct{ first, last, at int64 }

// event judges one delivered event: its place, and its content.
func (r *reader) event(s *history.Seen) {
	r.judged++
	r.events++
	r.order.Judged++
	r.silent.Judged++
	r.follow(s)
	if s.Why != "" {
		r.order.violation("%s: event %d contradicts itself: %s", r.at(s), s.Seq, s.Why)
	}
	r.phantom.Judged++
	row := r.blog.at(s.Seq)
	r.judgeChain(s, row)
	if s.Kind == history.Blog {
		r.judgeBlog(s, row)
		return
	}
	if p, v := r.find(s, row); v != nil && r.matches(s, row, p, v) {
		r.judgeText(s, v)
		r.fold.note(p, s)
	}
}

// judgeChain compares the chain that is told with an event with that of the log:
// all that came before it is the same if it is the same.
func (r *reader) judgeChain(s *history.Seen, row *event) {
	if row != nil && row.chain != s.Chain {
		r.doubt(r.order, s, "event %d is told with chain %016x, the log has %016x", s.Seq, s.Chain, row.chain)
	}
}

// follow moves the position. What is left out may still come out of order.
func (r *reader) follow(s *history.Seen) {
	switch {
	case !r.known:
		r.order.violation("%s: event %d came before a position was told", r.at(s), s.Seq)
		r.start(s.Seq, "")
	case s.Seq == r.pos+1:
		r.pos++
	case s.Seq > r.pos:
		r.holes = append(r.holes, hole{r.pos + 1, s.Seq - 1, s.At})
		r.pos = s.Seq
	case r.fill(s.Seq):
		r.order.violation("%s: event %d came after %d", r.at(s), s.Seq, r.pos)
		r.wild++
	default:
		r.order.violation("%s: event %d came again after %d", r.at(s), s.Seq, r.pos)
		r.wild++
	}
}

// fill takes an event that came late out of its hole, and reports whether there
// was one.
func (r *reader) fill(seq int64) bool {
	for i, h := range r.holes {
		if seq < h.first || seq > h.last {
			continue
		}
		r.holes = append(r.holes[:i], r.holes[i+1:]...)
		if seq > h.first {
			r.holes = append(r.holes, hole{h.first, seq - 1, h.at})
		}
		if seq < h.last {
			r.holes = append(r.holes, hole{seq + 1, h.last, h.at})
		}
		return true
	}
	return false
}

// forgive drops the gaps that the reader goes back to.
func (r *reader) forgive(after int64) {
	kept := r.holes[:0]
	for _, h := range r.holes {
		if h.last = min(h.last, after); h.first <= h.last {
			kept = append(kept, h)
		}
	}
	r.holes = kept
}

// missed complains of the holes that nothing filled.
func (r *reader) missed() {
	for _, h := range r.holes {
		r.silent.violation("%s: events %d to %d were left out, found at %s", r.who.Name, h.first, h.last, r.when(h.at))
		r.wild++
	}
	r.holes = nil
}

func (r *reader) judgeBlog(s *history.Seen, row *event) {
	switch {
	case s.Seq > r.blog.Head:
		r.doubt(r.phantom, s, "event %d is not in the log, which ends at %d", s.Seq, r.blog.Head)
	case row != nil && row.kind != history.Blog:
		r.doubt(r.order, s, "event %d is of the blog, the log has a %s of post %s", s.Seq, row.kind, row.post.ID)
	}
}

// find looks up what an event told of. What is not in the database is a phantom.
func (r *reader) find(s *history.Seen, row *event) (*post, *revision) {
	var p *post
	if row != nil && row.post != nil && row.post.ID == s.Post {
		p = row.post
	} else {
		p = r.truth.posts[s.Post]
	}
	v := p.revision(s.Version)
	switch {
	case s.Seq > r.blog.Head:
		r.doubt(r.phantom, s, "event %d is not in the log, which ends at %d", s.Seq, r.blog.Head)
		return p, nil
	case p == nil:
		r.doubt(r.phantom, s, "event %d tells of post %s, which is not in the database", s.Seq, s.Post)
	case v == nil:
		r.doubt(r.phantom, s, "event %d tells version %d of post %s, which is not in the database", s.Seq, s.Version, s.Post)
	}
	return p, v
}

// matches compares a delivery with the log and with the version that it tells.
func (r *reader) matches(s *history.Seen, row *event, p *post, v *revision) bool {
	switch {
	case row != nil && row.post != p:
		r.doubt(r.order, s, "event %d tells of post %s, the log has a %s of another", s.Seq, s.Post, row.kind)
	case row != nil && !sameKind(s, row, p):
		r.doubt(r.order, s, "event %d is told as %s, the log has %s", s.Seq, s.Kind, row.kind)
	case row != nil && s.Version < row.version:
		r.doubt(r.order, s, "event %d tells version %d of post %s, the log has %d", s.Seq, s.Version, s.Post, row.version)
	case s.Kind != history.Remove && s.Text != v.title:
		r.doubt(r.order, s, "version %d of post %s is told as %q, it is %q", s.Version, s.Post, s.Text, v.title)
	default:
		return true
	}
	return false
}

// sameKind reports whether an event has the name of its row. Of a post that is
// removed by then, any event is told as its removal.
func sameKind(s *history.Seen, row *event, p *post) bool {
	removed := s.Kind == history.Remove && p.removed > 0 && s.Version >= p.removed
	return s.Kind == row.kind || removed
}

// judgeText compares a text with the version that it is told as, and asks whether
// it might still be told.
func (r *reader) judgeText(s *history.Seen, v *revision) {
	if s.Kind == history.Remove {
		return
	}
	if s.Hash != v.hash {
		r.order.violation("%s: version %d of post %s is told with another text than it has", r.at(s), s.Version, s.Post)
	}
	if r.who.How == "slow" {
		return
	}
	r.redaction.Judged++
	if v.kind == history.Remove {
		r.redaction.violation("%s: the text of post %s was told as version %d, which is its removal", r.at(s), s.Post, s.Version)
	}
	if s.At > v.replaced+redactedWithin && s.At > r.faults.redacted(v.replaced) {
		r.redaction.violation("%s: version %d of post %s was told, replaced at %s", r.at(s), s.Version, s.Post, r.when(v.replaced))
	}
}
