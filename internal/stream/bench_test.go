package stream

import (
	"context"
	"strings"
	"testing"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

// What is due to a reader is found without allocating.
func TestNext_AllocatesNothing(t *testing.T) {
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
	buffers := make([][]byte, 0, 4)
	allocs := testing.AllocsPerRun(100, func() {
		s := Subscriber{topic: topic, cursor: 1}
		if d := s.next(buffers); d.events != 1 {
			t.Fatalf("%d events are due", d.events)
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
			if d := s.next(buffers[j][:0]); d.events != 1 {
				b.Fatalf("reader %d got %d events", j, d.events)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/readers, "ns/reader")
}
