package stream

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

func TestServe_ReplayThenLive(t *testing.T) {
	log := newMemoryLog()
	log.publish(5)
	h := startHub(t, log, roomy)
	c := follow(t, h, Position{After: 2, HasAfter: true, Epoch: "one"})
	c.expect("hello", "2")
	c.expectRange(3, 5)
	log.publish(2)
	h.Wake(blogA, 7)
	c.expectRange(6, 7)
}

// Every position in a log longer than the ring is resumed whole, with events
// coming in meanwhile.
func TestServe_ResumesFromEveryPosition(t *testing.T) {
	log := newMemoryLog()
	const old, more = 3 * fetchLimit, maxRingFrames + 100
	log.publish(old)
	h := startHub(t, log, roomy)
	first := follow(t, h, Position{After: old, HasAfter: true})
	first.expect("hello", fmt.Sprint(old))
	log.publish(more)
	h.Wake(blogA, old+more)
	first.expectRange(old+1, old+more)
	for _, after := range []int64{0, 1, fetchLimit - 1, fetchLimit, old, old + more - maxRingFrames - 1, old + more - maxRingFrames, old + more - 1, old + more} {
		c := follow(t, h, Position{After: after, HasAfter: true})
		c.expect("hello", fmt.Sprint(after))
		c.expectRange(after+1, old+more)
	}
}

func TestServe_Positions(t *testing.T) {
	log := newMemoryLog()
	log.publish(10)
	log.head.LowSeq = 3
	h := startHub(t, log, roomy)
	for name, c := range map[string]struct {
		position Position
		from     string
		reason   string
		events   int64 // first to follow
	}{
		"none":              {Position{}, "10", "", 11},
		"head":              {Position{After: 10, HasAfter: true}, "10", "", 11},
		"horizon":           {Position{After: 3, HasAfter: true}, "3", "", 4},
		"below the horizon": {Position{After: 2, HasAfter: true}, "10", reasonPruned, 11},
		"beyond the head":   {Position{After: 11, HasAfter: true}, "10", reasonAhead, 11},
		"another epoch":     {Position{After: 5, HasAfter: true, Epoch: "two"}, "10", reasonEpoch, 11},
		"no number":         {Position{Invalid: true}, "10", reasonInvalid, 11},
	} {
		t.Run(name, func(t *testing.T) {
			client := follow(t, h, c.position)
			if c.reason == "" {
				client.expect("hello", c.from)
			} else {
				client.expect("hello", "") // cut off here, the reader must be refused again
				if m := client.expectReset(10); !strings.Contains(m.data, `"reason":"`+c.reason+`"`) {
					t.Errorf("reset says %s, want %s", m.data, c.reason)
				}
			}
			client.expectRange(c.events, 10)
		})
	}
}

// A cursor ahead of this node is believed when the database knows it.
func TestServe_CursorOfAFasterNode(t *testing.T) {
	log := newMemoryLog()
	h := startHub(t, log, roomy)
	follow(t, h, Position{}).expect("hello", "0")
	log.publish(5)
	c := follow(t, h, Position{After: 5, HasAfter: true})
	c.expect("hello", "5")
	log.publish(1)
	h.Wake(blogA, 6)
	c.expect("post", "6")
}

// So is one that was committed while the database answered another query.
func TestServe_CursorNewerThanTheRunningQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog()
		h := startHub(t, log, roomy)
		follow(t, h, Position{}).expect("hello", "0")
		log.publish(1)
		log.answer = make(chan struct{})
		first := follow(t, h, Position{After: 1, HasAfter: true})
		synctest.Wait()
		log.publish(1)
		second := follow(t, h, Position{After: 2, HasAfter: true})
		synctest.Wait()
		close(log.answer)
		first.expect("hello", "1")
		second.expect("hello", "2")
		log.publish(1)
		h.Wake(blogA, 3)
		first.expectRange(2, 3)
		second.expect("post", "3")
	})
}

// A cursor that the database has confirmed stays good when the events before it
// can't be fetched just then.
func TestServe_CursorConfirmedButNotFetched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog()
		h := startHub(t, log, roomy)
		follow(t, h, Position{}).expect("hello", "0")
		log.publish(5)
		log.breakDown(errAway)
		h.Heads([]liveblog.Head{log.now()})
		synctest.Wait()
		c := follow(t, h, Position{After: 5, HasAfter: true})
		c.expect("hello", "5")
		log.breakDown(nil)
		log.publish(1)
		h.Wake(blogA, 6)
		c.expect("post", "6")
	})
}

// An epoch that this node does not know yet is read from the database, and a head from
// before it does not bring the old one back.
func TestServe_EpochOfAFasterNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog()
		log.publish(5)
		h := startHub(t, log, roomy)
		old := follow(t, h, Position{After: 5, HasAfter: true, Epoch: "one"})
		old.expect("hello", "5")
		before := log.now()
		log.rewind(5, "two")
		c := follow(t, h, Position{After: 5, HasAfter: true, Epoch: "two"})
		c.expect("hello", "5")
		old.expectReset(5)
		h.Heads([]liveblog.Head{before})
		synctest.Wait()
		log.publish(1)
		h.Wake(blogA, 6)
		c.expect("post", "6")
		old.expectRange(6, 6)
	})
}

func TestServe_ResetWhenHistoryIsAnother(t *testing.T) {
	for name, epoch := range map[string]string{"new epoch": "two", "rewound": "one"} {
		t.Run(name, func(t *testing.T) {
			log := newMemoryLog()
			log.publish(8)
			h := startHub(t, log, roomy)
			c := follow(t, h, Position{After: 8, HasAfter: true, Epoch: "one"})
			c.expect("hello", "8")
			log.rewind(4, epoch)
			h.Heads([]liveblog.Head{log.now()})
			c.expectReset(4)
			log.publish(1)
			h.Wake(blogA, 5)
			c.expectRange(5, 5)
		})
	}
}

// slowLog answers the question for the heads with what was true when it was asked.
type slowLog struct {
	*memoryLog
	answer chan struct{}
}

func (l *slowLog) Heads(ctx context.Context, ids []uuid.UUID) ([]liveblog.Head, error) {
	heads, err := l.memoryLog.Heads(ctx, ids)
	<-l.answer
	return heads, err
}

// A reader that has just seen an event on another node may share the result of a query
// from before the event: that is no reason for a reset.
func TestSubscribe_SharedAnswerMayBeOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &slowLog{newMemoryLog(), make(chan struct{})}
		h := startHub(t, log, roomy)
		topic := h.makeTopic(log.now())
		go func() { _ = topic.refreshHead(t.Context()) }() // only its question matters
		synctest.Wait()
		log.publish(1)
		refused := make(chan *reset, 1)
		go func() {
			_, r, _ := h.subscribe(t.Context(), topic, Position{After: 1, HasAfter: true})
			refused <- r
		}()
		synctest.Wait()
		close(log.answer)
		if r := <-refused; r != nil {
			t.Errorf("the reader is told to start again: %+v", r)
		}
	})
}

// A stream that is open stays open, and goes on by itself, when its next page
// can't be read for a while.
func TestServe_OutageWhileCatchingUp(t *testing.T) {
	t.Parallel()
	log := newMemoryLog()
	log.publish(10)
	h := startHub(t, log, roomy)
	follow(t, h, Position{}).expect("hello", "10")
	log.breakDown(liveblog.ErrUnavailable)
	c := follow(t, h, Position{After: 7, HasAfter: true})
	c.expect("hello", "7")
	time.AfterFunc(pageRetry/2, func() { log.breakDown(nil) })
	for _, id := range []string{"8", "9", "10"} {
		c.expect("post", id)
	}
}

// A page of the log that lacks the next event is never taken for the next events:
// they were pruned after the stream began, and the reader gets a reset.
func TestServe_PrunedWhileCatchingUp(t *testing.T) {
	log := newMemoryLog()
	log.publish(10)
	h := startHub(t, log, roomy)
	follow(t, h, Position{}).expect("hello", "10")
	log.prune(5)
	c := follow(t, h, Position{After: 2, HasAfter: true})
	c.expect("hello", "2")
	if m := c.expect("reset", "10"); !strings.Contains(m.data, `"reason":"pruned"`) {
		t.Errorf("reset says %s", m.data)
	}
	log.publish(1)
	h.Wake(blogA, 11)
	c.expect("post", "11")
}

func TestPoll_PrunedWhileCatchingUp(t *testing.T) {
	log := newMemoryLog()
	log.publish(10)
	h := startHub(t, log, roomy)
	follow(t, h, Position{}).expect("hello", "10")
	log.prune(5)
	b, err := h.Poll(t.Context(), Request{BlogID: blogA, Position: Position{After: 2, HasAfter: true}, Address: "192.0.2.1"}, 0, 100)
	if err != nil || b.Reset == nil || b.Reset.Reason != reasonPruned || len(b.Events) != 0 || b.Next != 10 {
		t.Errorf("%+v, %v", b, err)
	}
}

// A stream ends at a gap in the log that pruning does not explain.
func TestServe_GapInTheLog(t *testing.T) {
	log := newMemoryLog()
	log.publish(10)
	h := startHub(t, log, roomy)
	log.lose(6)
	c := follow(t, h, Position{After: 2, HasAfter: true})
	c.expect("hello", "2")
	c.expectRange(3, 5)
	c.expect("closed", "")
}

// What a slow reader holds of the log is bounded, and nothing is left out for it.
func TestServe_LongTextsComeInShortPages(t *testing.T) {
	log := newMemoryLog()
	long := strings.Repeat("x", 60<<10)
	for range maxRingBytes/len(long) + 20 {
		log.append(liveblog.EventPost, uuid.New(), 1, long)
	}
	h := startHub(t, log, roomy)
	topic := h.makeTopic(log.now())
	page, err := topic.history(t.Context(), 0, 0)
	if size := len(page.frames) * len(long); err != nil || size > maxPage || size < maxPage/2 {
		t.Errorf("a page holds %d bytes, %v", size, err)
	}
	c := follow(t, h, Position{HasAfter: true})
	c.expect("hello", "0")
	c.expectRange(1, log.now().LastSeq)
}
