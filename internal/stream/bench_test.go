package stream

import (
	"context"
	"strings"
	"testing"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

// To find what is due to a reader allocates nothing.
func TestPeek_AllocatesNothing(t *testing.T) {
	log := newMemoryLog()
	log.publish(1)
	h := startHub(t, log, roomy)
	topic, err := h.topicOf(t.Context(), blogA)
	if err != nil {
		t.Fatal(err)
	}
	before := log.now().Chain
	log.publish(1)
	if err := topic.append(1, before, log.events[1:]); err != nil {
		t.Fatal(err)
	}
	b := writeBatch{buffers: make([][]byte, 0, 4)}
	allocs := testing.AllocsPerRun(100, func() {
		s := Subscriber{topic: topic, cursor: 1}
		s.peek(&b)
		if n := s.advance(&b, len(b.buffers)); n != 1 || s.cursor != 2 {
			t.Fatalf("%d events are due, the cursor is at %d", n, s.cursor)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations for one event to one reader", allocs)
	}
}

// BenchmarkFanOut is what one event costs with a thousand subscribers: the
// encoding once, and a walk of each cursor. It must not allocate per reader.
func BenchmarkFanOut(b *testing.B) {
	log := newMemoryLog()
	h := New(log, encodeText, &noMetrics{}, roomy)
	t, err := h.topicOf(context.Background(), blogA)
	if err != nil {
		b.Fatal(err)
	}
	const readers = 1000
	subscribers := make([]*Subscriber, readers)
	buffers := make([][][]byte, readers)
	for i := range subscribers {
		subscribers[i] = &Subscriber{topic: t}
		buffers[i] = make([][]byte, 0, 4)
	}
	var batch writeBatch
	post := &liveblog.Post{Text: strings.Repeat("x", 300), Status: liveblog.PostPublished}
	b.ReportAllocs()
	for i := range b.N {
		id := uuid.New()
		ev := liveblog.Event{BlogID: blogA, Seq: int64(i) + 1, Type: liveblog.EventPost, PostID: &id, Version: 1, Post: post}
		before := t.ring.chainAt(int64(i))
		ev.Chain = before.Next(ev)
		if err := t.append(int64(i), before, []liveblog.Event{ev}); err != nil {
			b.Fatal(err)
		}
		for j, s := range subscribers {
			batch.buffers = buffers[j]
			s.peek(&batch)
			if n := s.advance(&batch, len(batch.buffers)); n != 1 {
				b.Fatalf("reader %d got %d events", j, n)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/readers, "ns/reader")
}
