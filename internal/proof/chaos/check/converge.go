package check

import "dateline/internal/proof/chaos/history"

// fold is what a reader's page would hold: the highest version of each post that
// it was told of. It is used for one reader after the other.
type fold struct {
	versions []int64
	removed  []bool
	told     []*post
}

func newFold(posts int) fold {
	return fold{versions: make([]int64, posts), removed: make([]bool, posts)}
}

// note takes a delivery over, as a page does: only what is not older.
func (f *fold) note(p *post, s *history.Seen) {
	if f.versions[p.index] == 0 {
		f.told = append(f.told, p)
	}
	if s.Version >= f.versions[p.index] {
		f.versions[p.index], f.removed[p.index] = s.Version, s.Kind == history.Remove
	}
}

func (f *fold) clear() {
	for _, p := range f.told {
		f.versions[p.index], f.removed[p.index] = 0, false
	}
	f.told = f.told[:0]
}

// judgeEnd compares where a healthy reader ended with the database. One that
// events were kept from is judged for that and not once more for the consequence.
func (r *reader) judgeEnd() {
	r.converge.compare("readers")
	switch {
	case !r.known:
		r.converge.violation("%s never came to a position", r.who.Name)
	case r.epoch != r.blog.Epoch && r.epoch != "":
		r.converge.violation("%s ended in epoch %s, the blog is in %s", r.who.Name, r.epoch, r.blog.Epoch)
	case r.pos < r.blog.Head:
		r.converge.violation("%s ended at %d of %d", r.who.Name, r.pos, r.blog.Head)
	case r.pos > r.blog.Head && len(r.doubts) == 0:
		r.converge.violation("%s ended at %d, the log ends at %d", r.who.Name, r.pos, r.blog.Head)
	case r.wild == 0 && len(r.doubts) == 0:
		r.judgeFold()
	}
}

func (r *reader) judgeFold() {
	for _, p := range r.fold.told {
		r.converge.compare("posts")
		version, removed := r.fold.versions[p.index], r.fold.removed[p.index]
		if version != p.Version || removed != (p.Status == "removed") {
			r.converge.violation("%s ended with version %d of post %s (removed: %t), the database has %d (%s)",
				r.who.Name, version, p.ID, removed, p.Version, p.Status)
		}
	}
}
