package check

import (
	"math"
	"slices"

	"dateline/internal/proof/chaos/history"
)

// truth is the database in the end, arranged for look-ups.
type truth struct {
	blogs  map[string]*blog
	posts  map[string]*post
	keys   map[string]string // the post that each idempotency key made
	titles map[string][]place
	// changes are when texts of a blog were replaced, in order; made when asked for.
	changes map[string][]int64
}

// blog is a blog and its log.
type blog struct {
	history.BlogRow
	base   int64   // the number before the first known event; a copy of pruned ones may be there
	events []event // those with base < seq <= Head, in order; missing ones have no kind
}

// event is a row of the log.
type event struct {
	kind    string
	post    *post
	version int64
	at      int64
	chain   uint64
}

// post is a post with its versions.
type post struct {
	history.PostRow
	index     int
	told      int   // how many events announce it
	removed   int64 // the version of its first removal, 0 without one
	revisions []revision
}

// revision is one version of a post, and what the run said of it.
type revision struct {
	stored   bool
	title    string
	seq      int64 // of the event that told of it; 0 when that is pruned or missing
	kind     string
	hash     uint64 // of its text as HTML
	replaced int64  // when a later version was acknowledged
}

// never is later than any time of a run, with room for what is added to it.
const never = math.MaxInt64 / 2

// place is where a title stands.
type place struct {
	post    *post
	version int64
}

func newTruth(db *history.Database, log, once *Line) *truth {
	t := &truth{
		blogs: map[string]*blog{}, posts: make(map[string]*post, len(db.Posts)),
		keys: make(map[string]string, len(db.Keys)), titles: make(map[string][]place, len(db.Revisions)),
	}
	for _, row := range db.Blogs {
		t.blogs[row.Slug] = &blog{BlogRow: row, base: row.Low}
	}
	for _, row := range db.Events {
		if b := t.blogs[row.Blog]; b != nil && row.Seq > 0 {
			b.base = min(b.base, row.Seq-1)
		}
	}
	for _, b := range t.blogs {
		b.events = make([]event, max(b.Head-b.base, 0))
	}
	for i, row := range db.Posts {
		t.posts[row.ID] = &post{PostRow: row, index: i}
	}
	for _, row := range db.Revisions {
		t.addRevision(row, log)
	}
	for _, row := range db.Events {
		t.addEvent(row, log)
	}
	for _, row := range db.Keys {
		if other, used := t.keys[row.Key]; used {
			once.violation("key %s made posts %s and %s", row.Key, other, row.Post)
		}
		t.keys[row.Key] = row.Post
	}
	return t
}

func (t *truth) addRevision(row history.RevisionRow, log *Line) {
	p := t.posts[row.Post]
	if p == nil || row.Version < 1 || row.Version > math.MaxInt32 {
		log.violation("version %d belongs to no post: %s", row.Version, row.Post)
		return
	}
	for int64(len(p.revisions)) < row.Version {
		p.revisions = append(p.revisions, revision{replaced: never})
	}
	r := &p.revisions[row.Version-1]
	r.stored, r.title, r.hash = true, row.Title, row.Hash
	t.titles[row.Title] = append(t.titles[row.Title], place{p, row.Version})
}

// addEvent takes a row of the log over and checks it against the rows before.
func (t *truth) addEvent(row history.EventRow, log *Line) {
	log.compare("events")
	b := t.blogs[row.Blog]
	if b == nil || row.Seq <= b.base || row.Seq > b.Head {
		log.violation("blog %s: event %d is outside of its log", row.Blog, row.Seq)
		return
	}
	e := &b.events[row.Seq-b.base-1]
	if e.kind != "" {
		log.violation("blog %s: event %d is there twice", row.Blog, row.Seq)
	}
	*e = event{kind: row.Type, post: t.posts[row.Post], version: row.Version, at: row.At, chain: row.Chain}
	if row.Type != history.Blog {
		e.note(row, log)
	}
}

// note tells the post and its version of their event.
func (e *event) note(row history.EventRow, log *Line) {
	r := e.post.revision(row.Version)
	if r == nil {
		log.violation("blog %s: event %d is of version %d of post %s, which is not there", row.Blog, row.Seq, row.Version, row.Post)
		return
	}
	r.seq, r.kind = row.Seq, row.Type
	switch row.Type {
	case history.Post:
		e.post.told++
	case history.Remove:
		if e.post.removed == 0 {
			e.post.removed = row.Version
		}
	}
}

// replaced is when the text with a title was replaced or removed, and known is
// false when the database has none. A removal keeps the title of what it removes.
func (t *truth) replaced(title string) (at int64, known bool) {
	at = never
	for _, place := range t.titles[title] {
		known = true
		if r := place.post.revision(place.version); r.kind != history.Remove {
			at = min(at, r.replaced)
		}
	}
	return at, known
}

// tookBack reports whether a text of a blog was replaced or removed between two times.
func (t *truth) tookBack(slug string, from, to int64) bool {
	if t.changes == nil {
		t.changes = map[string][]int64{}
		for _, p := range t.posts {
			for _, r := range p.revisions {
				t.changes[p.Blog] = append(t.changes[p.Blog], r.replaced)
			}
		}
		for _, all := range t.changes {
			slices.Sort(all)
		}
	}
	all := t.changes[slug]
	i, _ := slices.BinarySearch(all, from)
	return i < len(all) && all[i] <= to
}

// at finds the row of a number, or nil.
func (b *blog) at(seq int64) *event {
	if seq <= b.base || seq > b.Head || b.events[seq-b.base-1].kind == "" {
		return nil
	}
	return &b.events[seq-b.base-1]
}

// revision finds a stored version, or nil.
func (p *post) revision(version int64) *revision {
	if p == nil || version < 1 || version > int64(len(p.revisions)) || !p.revisions[version-1].stored {
		return nil
	}
	return &p.revisions[version-1]
}
