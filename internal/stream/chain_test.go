package stream

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

// chainOf is the chain of an event of the log.
func (l *memoryLog) chainOf(seq int64) liveblog.Chain {
	l.mu.Lock()
	defer l.mu.Unlock()
	if seq == 0 {
		return liveblog.Genesis
	}
	return l.events[seq-1].Chain
}

// putBack makes the log what a backup of it would be that was put back and written
// on: other events after keep, in the same epoch.
func (l *memoryLog) putBack(keep, more int64) {
	l.rewind(keep, l.now().Epoch)
	for range more {
		l.append(liveblog.EventPost, uuid.New(), 1, "new")
	}
}

const otherChain liveblog.Chain = "0123456789abcdef"

// expectReason expects to start again after head for a reason.
func (c *client) expectReason(reason string, head int64) message {
	c.t.Helper()
	m := c.expectReset(head)
	if !strings.Contains(m.data, `"reason":"`+reason+`"`) {
		c.t.Errorf("reset says %s, want %s", m.data, reason)
	}
	return m
}

// asking counts the questions to the log.
type asking struct {
	*memoryLog
	heads, pages atomic.Int64
}

func (l *asking) Heads(ctx context.Context, ids []uuid.UUID) ([]liveblog.Head, error) {
	l.heads.Add(1)
	return l.memoryLog.Heads(ctx, ids)
}

func (l *asking) EventsAfter(ctx context.Context, id uuid.UUID, after int64, limit int) ([]liveblog.Event, error) {
	l.pages.Add(1)
	return l.memoryLog.EventsAfter(ctx, id, after, limit)
}

// A chain is compared at every place that a reader may stand at: in the ring without
// the database, below it with the page that is read anyhow.
func TestChain_ResumeAtEveryPlace(t *testing.T) {
	log := &asking{memoryLog: newMemoryLog()}
	log.publish(14)
	var chains [15]liveblog.Chain
	for seq := range chains {
		chains[seq] = log.chainOf(int64(seq))
	}
	all := log.events
	log.rewind(10, "one")
	h := startHub(t, log, roomy)
	live := follow(t, h, Position{})
	live.expect("hello", "10")
	log.mu.Lock()
	for _, ev := range all[10:] {
		log.head.LastSeq++
		log.add(ev)
	}
	log.mu.Unlock()
	h.Wake(blogA, 14)
	live.expectRange(11, 14) // the ring holds 11 to 14 and knows the chain of 10
	log.prune(3)
	h.Heads([]liveblog.Head{log.now()})
	for seq := int64(3); seq <= 14; seq++ {
		t.Run(fmt.Sprint("after ", seq), func(t *testing.T) {
			chain := chains[seq]
			heads, pages := log.heads.Load(), log.pages.Load()
			c := follow(t, h, Position{After: seq, HasAfter: true, Chain: chain})
			if m := c.next(); m.name != "hello" || !strings.Contains(m.data, fmt.Sprintf(`"from":%d,"chain"`, seq)) && seq >= 10 {
				t.Errorf("got %+v", m)
			}
			c.expectRange(seq+1, 14)
			inRing := seq >= 10
			if heads != log.heads.Load() || inRing != (pages == log.pages.Load()) {
				t.Errorf("the database was asked for %d heads and %d pages", log.heads.Load()-heads, log.pages.Load()-pages)
			}
			c = follow(t, h, Position{After: seq, HasAfter: true, Chain: otherChain})
			c.expect("hello", "")
			c.expectReason(reasonChain, 14)
			for _, chain := range []liveblog.Chain{chain, otherChain} {
				b, err := h.Poll(t.Context(), Request{BlogID: blogA, Position: Position{After: seq, HasAfter: true, Chain: chain}}, 0, 100)
				if err != nil || (b.Reset != nil) != (chain == otherChain) || b.Chain != log.now().Chain {
					t.Errorf("poll with %s: %+v, %v", chain, b, err)
				}
			}
		})
	}
}

// The chain of a reader that comes from a node ahead of this one is compared as soon
// as this one has the event at its cursor.
func TestChain_OfAFasterNode(t *testing.T) {
	log := newMemoryLog()
	h := startHub(t, log, roomy)
	follow(t, h, Position{}).expect("hello", "0")
	log.publish(5)
	right := follow(t, h, Position{After: 5, HasAfter: true, Chain: log.chainOf(5)})
	wrong := follow(t, h, Position{After: 5, HasAfter: true, Chain: otherChain})
	right.next()
	wrong.next()
	log.publish(1)
	h.Wake(blogA, 6)
	right.expectRange(6, 6)
	if m := wrong.next(); m.name != "reset" || !strings.Contains(m.data, reasonChain) {
		t.Errorf("got %+v", m)
	}
}

// The nodes were stopped while a backup was put back, and more was published than
// was lost: the epoch is right, the number exists, and only the chain differs.
func TestChain_DetectsWhatTheEpochCannot(t *testing.T) {
	log := newMemoryLog()
	log.publish(8)
	chain := log.chainOf(8)
	log.putBack(3, 8)
	h := startHub(t, log, roomy)
	c := follow(t, h, Position{After: 8, HasAfter: true, Epoch: "one", Chain: chain})
	c.expect("hello", "")
	c.expectReason(reasonChain, 11)
	shared := follow(t, h, Position{After: 3, HasAfter: true, Epoch: "one", Chain: log.chainOf(3)})
	shared.next()
	shared.expectRange(4, 11)
}

// A node that runs while a backup is restored detects it by itself, whatever was
// written since: a new epoch begins, all streams start again, and cached frames are
// not sent any more.
func TestChain_NodeDetectsABackup(t *testing.T) {
	for name, more := range map[string]int64{"not written on": 0, "behind": 2, "equal": 5, "overtaken": 9} {
		for _, by := range []string{"poll", "wake", "reader"} {
			t.Run(name+", by "+by, func(t *testing.T) {
				log := newMemoryLog()
				log.publish(3)
				h := startHub(t, log, roomy)
				live := follow(t, h, Position{HasAfter: true})
				live.expect("hello", "0")
				live.expectRange(1, 3)
				log.publish(5)
				h.Wake(blogA, 8)
				live.expectRange(4, 8)
				old := log.now()
				log.putBack(3, more)
				switch head := 3 + more; {
				case by == "poll" || more == 0:
					h.Heads([]liveblog.Head{log.now()})
				case by == "wake" && head > 8:
					h.Wake(blogA, head)
				default: // with what a page says that was read after it
					b, err := h.Poll(t.Context(), Request{BlogID: blogA, Position: Position{After: head, HasAfter: true, Chain: log.now().Chain}}, 0, 100)
					if err != nil || b.Reset != nil && more <= 5 {
						t.Fatalf("a reader of the new history: %+v, %v", b, err)
					}
				}
				live.expectReset(3 + more)
				if epoch := log.now().Epoch; epoch != "one+" {
					t.Errorf("the epoch is %s", epoch)
				}
				if !h.Outdated(old) {
					t.Error("a page of the old history is kept")
				}
				late := follow(t, h, Position{After: 8, HasAfter: true, Epoch: "one"})
				late.expect("hello", "")
				late.expectReset(3 + more)
				first := follow(t, h, Position{After: 3, HasAfter: true})
				first.expect("hello", "3")
				for seq := int64(4); seq <= 3+more; seq++ {
					if m := first.next(); seqOf(m) != fmt.Sprint(seq) || !strings.Contains(m.data, "new") {
						t.Errorf("event %d of the new history is told as %+v", seq, m)
					}
				}
			})
		}
	}
}

// Several nodes detect it; one begins the epoch, and each reader gets one reset.
func TestChain_NodesDetectABackupTogether(t *testing.T) {
	log := newMemoryLog()
	log.publish(8)
	var clients []*client
	var hubs []*Hub
	for range 3 {
		h := startHub(t, log, roomy)
		c := follow(t, h, Position{})
		c.expect("hello", "8")
		hubs, clients = append(hubs, h), append(clients, c)
	}
	log.putBack(3, 9)
	for _, h := range hubs {
		h.Heads([]liveblog.Head{log.now()})
	}
	for _, c := range clients {
		c.expectReset(12)
	}
	log.publish(1)
	for i, h := range hubs {
		h.Wake(blogA, 13)
		clients[i].expectRange(13, 13)
	}
	if epoch := log.now().Epoch; epoch != "one+" {
		t.Errorf("the epoch is %s", epoch)
	}
}

// A backup may be from before the blog: its readers get a reset as well.
func TestChain_BlogMissingInTheBackup(t *testing.T) {
	log := &vanishing{memoryLog: newMemoryLog()}
	log.publish(8)
	h := startHub(t, log, roomy)
	c := follow(t, h, Position{})
	c.expect("hello", "8")
	log.gone.Store(true)
	h.Heads([]liveblog.Head{{BlogID: blogA}})
	c.expectReset(0)
}

type vanishing struct {
	*memoryLog
	gone atomic.Bool
}

func (l *vanishing) Heads(ctx context.Context, ids []uuid.UUID) ([]liveblog.Head, error) {
	if l.gone.Load() {
		return nil, nil
	}
	return l.memoryLog.Heads(ctx, ids)
}

// With ids that are receipts a client that keeps nothing else resumes exactly, and
// gets a reset when it can't.
func TestChain_ReceiptsAsIDs(t *testing.T) {
	log := newMemoryLog()
	log.publish(3)
	h := startHub(t, log, roomy)
	live := follow(t, h, Position{HasAfter: true, Receipts: true})
	live.expect("hello", "") // what is below the ring is not known without a question
	log.publish(2)
	h.Wake(blogA, 5)
	plain := follow(t, h, Position{After: 3, HasAfter: true})
	plain.expect("hello", "3")
	for seq := int64(1); seq <= 5; seq++ {
		live.expect("post", fmt.Sprintf("%d.%s", seq, log.chainOf(seq)))
	}
	plain.expect("post", "4")
	plain.expect("post", "5")
	follow(t, h, Position{After: 4, HasAfter: true, Receipts: true}).expect("hello", fmt.Sprintf("4.%s", log.chainOf(4)))
	log.putBack(1, 6)
	h.Heads([]liveblog.Head{log.now()})
	live.expect("reset", fmt.Sprintf("7.%s", log.chainOf(7)))
	plain.expect("reset", "7")
}

// A reader that resumes below the ring reads several pages of the log and then the
// ring. It gets a reset only once, and only when its chain differs.
func TestChain_GoesOnBelowTheRing(t *testing.T) {
	log := newMemoryLog()
	log.publish(700)
	h := startHub(t, log, roomy)
	right := follow(t, h, Position{After: 100, HasAfter: true, Chain: log.chainOf(100)})
	right.expect("hello", "")
	right.expectRange(101, 700)
	wrong := follow(t, h, Position{After: 100, HasAfter: true, Chain: otherChain})
	wrong.expect("hello", "")
	wrong.expectReason(reasonChain, 700)
	log.publish(1)
	h.Wake(blogA, 701)
	for name, c := range map[string]*client{"with the right chain": right, "with another": wrong} {
		if m := c.next(); m.name != "post" || !strings.HasPrefix(m.id, "701") {
			t.Errorf("a reader %s got %+v", name, m)
		}
	}
}
