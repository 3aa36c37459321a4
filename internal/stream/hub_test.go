package stream

import (
	"testing"
	"testing/synctest"
	"time"

	"dateline/internal/liveblog"
)

// A report of heads that was read before the ring grew is no rewind.
func TestHub_OldHeadIsNoRewind(t *testing.T) {
	log := newMemoryLog()
	log.publish(2)
	h := startHub(t, log, roomy)
	c := follow(t, h, Position{})
	c.expect("hello", "2")
	old := log.now()
	log.publish(3)
	h.Wake(blogA, 5)
	c.expectRange(3, 5)
	h.Heads([]liveblog.Head{old})
	log.publish(1)
	h.Wake(blogA, 6)
	c.expect("post", "6")
}

func TestHub_EvictsIdleTopics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := startHub(t, newMemoryLog(), roomy)
		c := follow(t, h, Position{})
		c.expect("hello", "0")
		time.Sleep(2 * idleLife)
		if len(h.Watched()) != 1 {
			t.Error("a topic with a reader was evicted")
		}
		c.cancel()
		time.Sleep(2 * idleLife)
		if len(h.Watched()) != 0 {
			t.Error("an idle topic stays")
		}
	})
}

// A reader that finds a topic at the moment of its eviction must not wait there for
// events that go to its successor.
func TestHub_EvictedTopicTakesNoReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog()
		h := startHub(t, log, roomy)
		found, err := h.topicOf(t.Context(), blogA)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * idleLife)
		if found.addReaders(1, 0) {
			t.Error("an evicted topic takes a reader")
		}
		next, err := h.enter(t.Context(), blogA, 1, 0)
		if err != nil || next == found {
			t.Errorf("the reader is sent back to it: %v", err)
		}
	})
}
