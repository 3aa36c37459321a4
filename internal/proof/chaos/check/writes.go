package check

import (
	"fmt"

	"dateline/internal/proof/chaos/history"
)

// eventOf is what each operation is told as.
var eventOf = map[history.Op]string{history.Create: history.Post, history.Edit: history.Update, history.Delete: history.Remove}

// judgeWrites compares what publishers were told with the database: G1 and G2.
func (j *judge) judgeWrites() error {
	texts := map[string]struct{}{}
	err := eachLine(j, history.WritesFile, func(w *history.Write) {
		j.slowest = max(j.slowest, w.Slowest)
		if w.Text != "" && w.Op != history.Delete {
			texts[w.Text] = struct{}{}
		}
		switch {
		case w.Acknowledged():
			j.judgeAcknowledged(w)
		case w.Status == 0:
			j.durable.count("without an answer", 1)
		default:
			j.judgeRefused(w)
		}
	})
	j.judgeOnce(texts)
	return err
}

func (j *judge) judgeAcknowledged(w *history.Write) {
	j.durable.compare(string(w.Op) + "s")
	if w.Op == history.Create {
		j.created++
	}
	if fault := j.missing(w); fault != "" {
		j.judgeMissing(w, fault)
		return
	}
	j.replace(w)
	if w.Key != "" && j.truth.keys[w.Key] != w.Post {
		j.once.violation("key %s made post %s, but its publisher was told of %s", w.Key, j.truth.keys[w.Key], w.Post)
	}
	if w.Replayed {
		j.once.compare("repeated answers")
		if seq := j.versionOf(w).seq; w.Seq != 0 && seq != 0 && seq != w.Seq {
			j.once.violation("the repeated answer to key %s tells event %d, the first made %d", w.Key, w.Seq, seq)
		}
	}
}

func (j *judge) judgeMissing(w *history.Write, fault string) {
	if j.faults.lost(w) {
		j.durable.count("lost as a fault allows", 1)
		return
	}
	j.durable.violation("%s of post %s, acknowledged at %s: %s", w.Op, w.Post, j.when(w.Ended), fault)
}

// versionOf finds the version that an acknowledged write made, or nil. The answer
// to a removal does not tell it.
func (j *judge) versionOf(w *history.Write) *revision {
	p := j.truth.posts[w.Post]
	version := w.Version
	if version == 0 && p != nil && w.Op == history.Delete {
		version = p.removed
	}
	if version == 0 && w.Op == history.Create {
		version = 1
	}
	return p.revision(version)
}

// missing says what the database lacks of an acknowledged write, or nothing.
func (j *judge) missing(w *history.Write) string {
	p, r := j.truth.posts[w.Post], j.versionOf(w)
	switch {
	case p == nil:
		return "the post is not there"
	case p.Blog != w.Blog:
		return "the post is in blog " + p.Blog
	case r == nil:
		return fmt.Sprintf("version %d is not there", w.Version)
	case w.Text != "" && r.title != w.Text:
		return fmt.Sprintf("version %d says %q instead of %q", w.Version, r.title, w.Text)
	case w.Key != "" && j.truth.keys[w.Key] == "":
		return "its idempotency key is not remembered"
	default:
		return j.missingEvent(w, p, r)
	}
}

func (j *judge) missingEvent(w *history.Write, p *post, r *revision) string {
	b := j.truth.blogs[p.Blog]
	switch {
	case r.seq == 0 && b != nil && b.base > 0 && w.Seq <= b.base:
		j.durable.count("events pruned since", 1)
		return ""
	case r.seq == 0:
		return "it has no event"
	case r.kind != eventOf[w.Op]:
		return fmt.Sprintf("event %d is of type %s", r.seq, r.kind)
	case w.Seq != 0 && w.Seq != r.seq && !w.Replayed:
		return fmt.Sprintf("its event has number %d, the answer said %d", r.seq, w.Seq)
	default:
		return ""
	}
}

// replace notes that the versions before an acknowledged one may be told no more.
func (j *judge) replace(w *history.Write) {
	p := j.truth.posts[w.Post]
	version := w.Version
	if version == 0 && w.Op == history.Delete {
		version = p.removed
	}
	for v := int64(1); v < version; v++ {
		if r := p.revision(v); r != nil {
			r.replaced = min(r.replaced, w.Ended)
		}
	}
}

// judgeRefused makes sure that no certainly means no. After several attempts an
// earlier one may have done it.
func (j *judge) judgeRefused(w *history.Write) {
	j.durable.count("refused", 1)
	if w.Attempts == 1 && w.Status < 500 && w.Text != "" && w.Op != history.Delete && len(j.truth.titles[w.Text]) > 0 {
		j.once.violation("%s %q was refused with %d and stored", w.Op, w.Text, w.Status)
	}
}

// judgeOnce makes sure that no post is announced twice and no text made two
// versions; a removal keeps the title of what it removes.
func (j *judge) judgeOnce(texts map[string]struct{}) {
	for range j.truth.keys {
		j.once.compare("keys")
	}
	for id, p := range j.truth.posts {
		if p.told > 1 {
			j.once.violation("post %s is announced by %d events", id, p.told)
		}
	}
	for text := range texts {
		j.once.compare("texts")
		j.judgePlaces(text, j.truth.titles[text])
	}
}

func (j *judge) judgePlaces(text string, places []place) {
	told := 0
	for _, at := range places {
		if kind := at.post.revision(at.version).kind; kind == history.Post || kind == history.Update {
			told++
		}
		if at.post != places[0].post {
			j.once.violation("%q stands in posts %s and %s", text, places[0].post.ID, at.post.ID)
		}
	}
	if told > 1 {
		j.once.violation("%q made %d versions of post %s", text, told, places[0].post.ID)
	}
}
