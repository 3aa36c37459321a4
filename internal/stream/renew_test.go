package stream

import (
	"sync/atomic"
	"testing"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

// A text that was corrected or removed is not replayed, from ring or log.
func TestServe_OldTextIsNeverReplayed(t *testing.T) {
	log := newMemoryLog()
	h := startHub(t, log, roomy)
	live := follow(t, h, Position{After: 0, HasAfter: true})
	live.expect("hello", "0")
	corrected, removed := uuid.New(), uuid.New()
	steps := []struct {
		event   liveblog.EventType
		post    uuid.UUID
		version int64
		text    string
	}{
		{liveblog.EventPost, corrected, 1, "wrong"}, {liveblog.EventPost, removed, 1, "libel"},
		{liveblog.EventUpdate, corrected, 2, "right"}, {liveblog.EventDelete, removed, 2, ""},
	}
	for _, s := range steps {
		h.Wake(blogA, log.append(s.event, s.post, s.version, s.text))
		live.expectRange(log.now().LastSeq, log.now().LastSeq)
	}
	late := follow(t, h, Position{After: 0, HasAfter: true})
	late.expect("hello", "0")
	want := []message{
		{"post", "1", `{"text":"right","version":2}`}, {"delete", "2", `{"version":2}`},
		{"update", "3", `{"text":"right","version":2}`}, {"delete", "4", `{"version":2}`},
	}
	for _, w := range want {
		if m := late.next(); m != w {
			t.Errorf("got %+v, want %+v", m, w)
		}
	}
}

// A feed that corrects one post again and again costs one rendering per frame
// and fetch, and nobody waits for the renderer.
func TestHub_PostThatChangesOften(t *testing.T) {
	const n = 200
	log := newMemoryLog()
	var encoded atomic.Int64
	var h *Hub
	h = startEncodingHub(t, log, roomy, func(ev liveblog.Event) (string, []byte, error) {
		encoded.Add(1)
		h.Readers() // stands still if the topic is locked
		return encodeText(ev)
	})
	c := follow(t, h, Position{})
	c.expect("hello", "0")
	score := uuid.New()
	for range 2 {
		encoded.Store(0)
		from := log.now().LastSeq
		for i := range int64(n) {
			log.append(liveblog.EventUpdate, score, from+i+2, "goal")
		}
		h.Wake(blogA, from+n)
		c.expectRange(from+1, from+n)
	}
	if got := encoded.Load(); got > 2*n {
		t.Errorf("%d events beside %d older ones of the same post were rendered %d times", n, n, got)
	}
}

// An event about the blog carries its pinned post: that text is told anew too
// when the post was corrected, and not at all when it was removed or unpinned.
func TestServe_OldTextOfThePinnedPostIsNeverReplayed(t *testing.T) {
	log := newMemoryLog()
	h := startHub(t, log, roomy)
	live := follow(t, h, Position{After: 0, HasAfter: true})
	live.expect("hello", "0")
	news := func(seq int64) {
		t.Helper()
		h.Wake(blogA, seq)
		live.expectRange(seq, seq)
	}
	replayed := func(want ...string) {
		t.Helper()
		late := follow(t, h, Position{After: 0, HasAfter: true})
		late.expect("hello", "0")
		for _, w := range want {
			if m := late.next(); m.data != w {
				t.Errorf("got %+v, want %s", m, w)
			}
		}
	}
	first, second := uuid.New(), uuid.New()
	news(log.append(liveblog.EventPost, first, 1, "wrong"))
	news(log.pin(&liveblog.Post{ID: first, Version: 1, Text: "wrong", Status: liveblog.PostPublished}))
	news(log.append(liveblog.EventUpdate, first, 2, "right"))
	replayed(`{"text":"right","version":2}`, `{"pinned":"right"}`, `{"text":"right","version":2}`)
	news(log.append(liveblog.EventDelete, first, 3, ""))
	gone := `{"version":3}`
	replayed(gone, `{"pinned":""}`, gone, gone)
	news(log.pin(&liveblog.Post{ID: second, Version: 1, Text: "second", Status: liveblog.PostPublished}))
	replayed(gone, `{"pinned":"second"}`, gone, gone, `{"pinned":"second"}`)
	news(log.pin(nil))
	replayed(gone, `{"pinned":""}`, gone, gone, `{"pinned":""}`, `{"pinned":""}`)
}
