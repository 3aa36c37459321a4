package stream

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

// Whatever happens in between, and however little of a batch is written, readers that
// share batches are owed what each of them is owed by itself.
func TestSharedBatch_GivesWhatEachIsOwed(t *testing.T) {
	t.Parallel()
	log := newMemoryLog()
	h := startHub(t, log, roomy)
	topic, err := h.topicOf(t.Context(), blogA)
	if err != nil {
		t.Fatal(err)
	}
	const readers = 20
	random := rand.New(rand.NewPCG(3, 4))
	var shared, alone [readers]Subscriber
	for i := range shared {
		shared[i] = Subscriber{topic: topic, compressed: i%5 == 0, receipts: i%10 == 0}
		alone[i] = shared[i]
	}
	var m sharedBatch
	hits := 0
	for range 5000 {
		switch random.IntN(40) {
		case 0:
			log.publish(1)
			head := topic.head()
			events, err := log.EventsAfter(t.Context(), blogA, head, 10)
			if err != nil {
				t.Fatal(err)
			}
			if err := topic.append(head, log.chainOf(head), events); err != nil {
				t.Fatal(err)
			}
		case 1:
			h.Views(blogA, liveblog.Counts{Posts: map[uuid.UUID]int64{uuid.New(): 1}})
		case 2:
			m.drop()
		}
		i := random.IntN(readers)
		if m.valid && shared[i] == m.sub && topic.changes.Load() == m.changes {
			hits++
		}
		got, want := m.peek(&shared[i]), &writeBatch{}
		if alone[i].peek(want); !bytes.Equal(bytes.Join(got.buffers, nil), bytes.Join(want.buffers, nil)) || got.events != want.events || got.start != want.start {
			t.Fatalf("reader %d got %q, is owed %q", i, got.buffers, want.buffers)
		}
		n := len(want.buffers)
		if random.IntN(20) == 0 {
			n = random.IntN(n + 1)
		}
		if shared[i].advance(got, n) != alone[i].advance(want, n) || shared[i] != alone[i] {
			t.Fatalf("reader %d is at %+v, not at %+v", i, shared[i], alone[i])
		}
	}
	if hits < 1000 {
		t.Errorf("of 5000 only %d were shared", hits)
	}
}

// A reset is for one reader, and the next one gets its own.
func TestSharedBatch_KeepsResetsApart(t *testing.T) {
	t.Parallel()
	log := newMemoryLog()
	log.publish(3)
	h := startHub(t, log, roomy)
	topic, err := h.topicOf(t.Context(), blogA)
	if err != nil {
		t.Fatal(err)
	}
	topic.mu.Lock()
	topic.restart(liveblog.Head{BlogID: blogA, Epoch: "another", LastSeq: 3}, reasonEpoch)
	topic.mu.Unlock()
	var m sharedBatch
	for i := range 3 {
		s := Subscriber{topic: topic, cursor: 3}
		if b := m.peek(&s); len(b.buffers) != 1 || !bytes.Contains(b.buffers[0], []byte("event: reset")) || m.valid {
			t.Errorf("reader %d got %q, kept for the next: %v", i, b.buffers, m.valid)
		}
	}
}
