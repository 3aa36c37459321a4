package stream

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/proof/eventsource/conformance"

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
		if m := late.next(); bare(m) != w {
			t.Errorf("got %+v, want %+v", m, w)
		}
	}
}

// A feed that corrects one post again and again costs one rendering per frame
// and fetch, and no reader waits for the renderer.
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

// An event about the blog carries its pinned post: that text is renewed too
// when the post was corrected, and left out when it was removed or unpinned.
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
			if m := late.next(); bare(m).data != w {
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

// bare is a message without what only its own event has.
func bare(m message) message {
	m.data = ownFields.ReplaceAllString(m.data, "{")
	return m
}

var ownFields = regexp.MustCompile(`^\{"seq":\d+,("chain":"[0-9a-f]{16}",)?`)

// The k-th edit of a post costs what the first did: one encoding, and the older
// frames are encoded when a reader replays them, from the same bytes.
func TestHub_EachEditCostsTheSame(t *testing.T) {
	log := newMemoryLog()
	var encoded atomic.Int64
	h := startEncodingHub(t, log, roomy, func(ev liveblog.Event) (string, []byte, error) {
		encoded.Add(1)
		return encodeText(ev)
	})
	c := follow(t, h, Position{HasAfter: true})
	c.expect("hello", "0")
	const edits = 300
	score := uuid.New()
	for seq := range int64(edits) {
		encoded.Store(0)
		h.Wake(blogA, log.append(liveblog.EventUpdate, score, seq+1, "goal"))
		c.expectRange(seq+1, seq+1)
		if n := encoded.Load(); n != 1 {
			t.Fatalf("edit %d was encoded %d times", seq+1, n)
		}
	}
	topic := h.findTopic(blogA)
	topic.mu.Lock()
	for _, f := range topic.ring.frames[:edits-1] {
		if !f.isStripped() {
			t.Errorf("event %d keeps an old text", f.Seq)
		}
	}
	topic.mu.Unlock()
	encoded.Store(0)
	late := follow(t, h, Position{HasAfter: true})
	late.expect("hello", "0")
	for seq := range int64(edits) {
		m := late.next()
		if want := fmt.Sprintf(`{"seq":%d,"chain":"%s","text":"goal","version":%d}`, seq+1, log.chainOf(seq+1), edits); m.data != want {
			t.Fatalf("event %d is told as %s", seq+1, m.data)
		}
	}
	if n := encoded.Load(); n != 0 {
		t.Errorf("to replay %d edits the post was encoded %d times", edits, n)
	}
}

// Whatever happened to posts and the blog, and in whatever form a reader wants it:
// the ring has what the log has, and nothing waits for the topic's mutex while it is
// encoded.
func TestRing_HasWhatTheLogHas(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	log := newMemoryLog()
	h := startHub(t, log, roomy)
	follow(t, h, Position{}).expect("hello", "0")
	topic := h.findTopic(blogA)
	var posts []uuid.UUID
	for range 400 {
		step(log, random, &posts)
		h.Wake(blogA, log.now().LastSeq)
		for !topic.reached(log.now().LastSeq) {
		}
		if random.IntN(4) > 0 {
			continue
		}
		after := random.Int64N(log.now().LastSeq)
		s := &Subscriber{topic: topic, cursor: after, compressed: random.IntN(2) == 0, receipts: random.IntN(2) == 0, chunked: random.IntN(2) == 0}
		h.receipting.Store(s.receipts || h.receipting.Load())
		h.compressing.Store(s.compressed || h.compressing.Load())
		compareWithLog(t, h, log, s)
	}
}

// reached waits for the next change, unless the ring goes as far as it should.
func (t *topic) reached(seq int64) bool {
	t.mu.Lock()
	there, changed := t.ring.head >= seq, t.changed
	t.mu.Unlock()
	if !there {
		<-changed
	}
	return there
}

// step does something to the log that may happen.
func step(log *memoryLog, random *rand.Rand, posts *[]uuid.UUID) {
	version := log.now().LastSeq + 1
	kind := random.IntN(10)
	if len(*posts) == 0 || kind < 2 {
		*posts = append(*posts, uuid.New())
		log.append(liveblog.EventPost, (*posts)[len(*posts)-1], version, fmt.Sprint("post ", version))
		return
	}
	post := (*posts)[random.IntN(len(*posts))]
	switch {
	case kind < 7:
		log.append(liveblog.EventUpdate, post, version, fmt.Sprint("update ", version))
	case kind < 9:
		log.append(liveblog.EventDelete, post, version, "")
	default:
		log.pin(&liveblog.Post{ID: post, Version: version, Text: fmt.Sprint("pinned ", version), Status: liveblog.PostPublished})
	}
}

// compareWithLog reads on from a cursor to the head and compares what a reader gets
// with the log. A deletion may tell of itself alone.
func compareWithLog(t *testing.T, h *Hub, log *memoryLog, s *Subscriber) {
	t.Helper()
	from, head := s.cursor, log.now().LastSeq
	var got []byte
	if s.compressed {
		got = append(got, gzipHeader...)
	}
	for s.cursor < head {
		d := takeAll(s)
		if d.behind {
			frames, refused, err := s.readPage(t.Context())
			if err != nil || refused != nil {
				t.Fatal(refused, err)
			}
			for _, f := range frames {
				d.buffers = append(d.buffers, f.bytesFor(s))
			}
		}
		got = append(got, bytes.Join(unframed(t, s, d.buffers), nil)...)
	}
	if s.compressed {
		got = unpacked(t, got)
	}
	told, _ := parse(t, got)
	told = slices.DeleteFunc(told, func(m conformance.Message) bool { return m.Name == nameViews })
	events, err := log.EventsAfter(t.Context(), blogA, from, 10_000)
	if err != nil || len(told) != len(events) {
		t.Fatalf("%d events after %d are told as %d, %v", len(events), from, len(told), err)
	}
	for i, ev := range events {
		want, err := frameOf(ev)
		if err != nil {
			t.Fatal(err)
		}
		id := number(ev.Seq)
		if s.receipts {
			id = receipt(ev.Seq, ev.Chain)
		}
		own := ev.Type == liveblog.EventDelete && want.Name == string(liveblog.EventDelete)
		if told[i].Name != want.Name || told[i].ID != id || !own && told[i].Data != string(want.Data) {
			t.Fatalf("event %d is told as %+v, in the log it is %s %s", ev.Seq, told[i], want.Name, want.Data)
		}
	}
}

// unframed takes the chunks off.
func unframed(t *testing.T, s *Subscriber, buffers [][]byte) (out [][]byte) {
	t.Helper()
	for _, b := range buffers {
		if s.chunked {
			_, content, _ := bytes.Cut(b, []byte("\r\n"))
			if b = bytes.TrimSuffix(content, []byte("\r\n")); len(b) == len(content) {
				t.Fatalf("%q is no chunk", content)
			}
		}
		out = append(out, b)
	}
	return out
}

// unpacked is what a gzip stream holds that has no end.
func unpacked(t *testing.T, packed []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	return plain
}

// Compression is never done while others wait: a frame that is not ready in the
// form that a reader wants is made apart.
func TestPeek_CompressesNothing(t *testing.T) {
	t.Parallel()
	log := newMemoryLog()
	h := startHub(t, log, roomy)
	c := follow(t, h, Position{HasAfter: true})
	c.expect("hello", "0")
	h.compressing.Store(false)
	log.publish(3)
	h.Wake(blogA, 3)
	c.expectRange(1, 3)
	s := &Subscriber{topic: h.findTopic(blogA), compressed: true, receipts: true}
	if d := takeAll(s); !d.behind || len(d.buffers) > 0 {
		t.Fatalf("what was not compressed yet is given at once: %d buffers", len(d.buffers))
	}
	h.compressing.Store(true)
	h.receipting.Store(true)
	if _, _, err := (&Subscriber{topic: s.topic}).readPage(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := takeAll(s); d.behind || d.events != 3 {
		t.Errorf("what was compressed for one is not there for the next: %+v", d)
	}
}

// A reader far behind makes the node render what the reader gets, not more.
func TestHistory_RendersNoMoreThanAPage(t *testing.T) {
	t.Parallel()
	log := newMemoryLog()
	const long = 64 << 10
	for range fetchLimit {
		log.append(liveblog.EventPost, uuid.New(), 1, strings.Repeat("x", long))
	}
	var encoded atomic.Int64
	h := startEncodingHub(t, log, roomy, func(ev liveblog.Event) (string, []byte, error) {
		encoded.Add(1)
		return encodeText(ev)
	})
	page, err := h.makeTopic(log.now()).history(t.Context(), 0, 0)
	if n := int(encoded.Load()); err != nil || n > len(page.frames)+1 || len(page.frames) != maxPage/long-1 {
		t.Errorf("for %d frames %d posts were rendered, %v", len(page.frames), n, err)
	}
}

// BenchmarkEdit is what one more edit of a post costs a node on which the post was
// edited so often before. It must not depend on that.
func BenchmarkEdit(b *testing.B) {
	for _, before := range []int{1, 30, 1000} {
		b.Run(fmt.Sprint("after ", before), func(b *testing.B) {
			log := newMemoryLog()
			h := New(log, encodeText, &noMetrics{}, roomy)
			h.compressing.Store(true)
			topic, err := h.topicOf(context.Background(), blogA)
			if err != nil {
				b.Fatal(err)
			}
			id, seq := uuid.New(), int64(0)
			text := strings.Repeat("What happened in the second half. ", 60)
			edit := func() {
				ev := liveblog.Event{BlogID: blogA, Seq: seq + 1, Type: liveblog.EventUpdate, PostID: &id, Version: seq + 1, At: time.Now(),
					Post: &liveblog.Post{ID: id, Version: seq + 1, Text: text, Status: liveblog.PostPublished}}
				chain := topic.ring.chainAt(seq)
				ev.Chain = chain.Next(ev)
				if err := topic.append(seq, chain, []liveblog.Event{ev}); err != nil {
					b.Fatal(err)
				}
				seq++
			}
			for range before {
				edit()
			}
			b.ReportAllocs()
			for b.Loop() {
				edit()
			}
		})
	}
}
