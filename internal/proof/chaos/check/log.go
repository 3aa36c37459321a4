package check

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"

	"dateline/internal/proof/chaos/history"
)

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
		j.judgeChainOf(b)
	}
	return nil
}

// judgeChainOf computes the chain of a log anew. Logs of old histories have none.
func (j *judge) judgeChainOf(b *blog) {
	if b.base != 0 || !slices.ContainsFunc(b.events, func(e event) bool { return e.chain != 0 }) {
		return
	}
	before := uint64(0)
	for i, e := range b.events {
		seq := b.base + 1 + int64(i)
		j.log.compare("links")
		if want := link(before, seq, e); e.kind != "" && e.chain != want {
			j.log.violation("blog %s: event %d has chain %016x, %016x follows from what is before it", b.Slug, seq, e.chain, want)
		}
		before = e.chain
	}
}

// link is the chain of an event: 8 bytes of SHA-256 over the chain before it, its
// number, type, post, version, and its time in microseconds.
func link(before uint64, seq int64, e event) uint64 {
	sum := sha256.New()
	number := func(n uint64) { sum.Write(binary.BigEndian.AppendUint64(nil, n)) }
	number(before)
	number(uint64(seq))
	sum.Write([]byte(e.kind))
	var id [16]byte
	if e.post != nil {
		_, _ = hex.Decode(id[:], []byte(strings.ReplaceAll(e.post.ID, "-", ""))) // what is no UUID is in no database
	}
	sum.Write(id[:])
	number(uint64(e.version))
	number(uint64(e.at / 1000))
	return binary.BigEndian.Uint64(sum.Sum(nil))
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
