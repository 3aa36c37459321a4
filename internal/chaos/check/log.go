package check

import "dateline/internal/chaos/history"

// judgeLog checks the log in the database against itself: numbers without gaps,
// versions that rise, no change before the post and none after its removal, and
// posts that are as their last event says.
func (j *judge) judgeLog() error {
	for _, b := range j.truth.blogs {
		last := map[*post]event{}
		for i, e := range b.events {
			j.judgeEvent(b, b.base+1+int64(i), e, last)
		}
		for p, e := range last {
			j.judgeLast(p, e)
		}
	}
	return nil
}

func (j *judge) judgeEvent(b *blog, seq int64, e event, last map[*post]event) {
	switch {
	case e.kind == "":
		j.log.violation("blog %s: there is no event %d", b.Slug, seq)
		return
	case e.kind == history.Blog || e.post == nil:
		return
	}
	before, told := last[e.post]
	last[e.post] = e
	switch {
	case told && e.version <= before.version:
		j.log.violation("blog %s: event %d has version %d of post %s after version %d", b.Slug, seq, e.version, e.post.ID, before.version)
	case told && e.kind == history.Post:
		j.log.violation("blog %s: event %d announces post %s again", b.Slug, seq, e.post.ID)
	case told && before.kind == history.Remove:
		j.log.violation("blog %s: event %d is of post %s after its removal", b.Slug, seq, e.post.ID)
	case !told && e.kind != history.Post && b.base == 0:
		j.log.violation("blog %s: event %d is of post %s, which was not announced", b.Slug, seq, e.post.ID)
	}
}

// judgeLast compares a post with its last event.
func (j *judge) judgeLast(p *post, e event) {
	j.log.compare("posts")
	if p.Version != e.version {
		j.log.violation("post %s has version %d, its last event told of %d", p.ID, p.Version, e.version)
	}
	if (p.Status == "removed") != (e.kind == history.Remove) {
		j.log.violation("post %s is %s, its last event was %s", p.ID, p.Status, e.kind)
	}
}
