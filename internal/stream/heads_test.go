package stream

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

func headAt(epoch string, seq int64) liveblog.Head {
	return liveblog.Head{BlogID: blogA, Epoch: epoch, LastSeq: seq, Status: liveblog.BlogLive}
}

// A blog without streams is known by notifications, by own commits, which wake the hub
// alike, and by polls of the database, which requests for its pages cause.
func TestHub_KnowsHeadsWithoutReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(newMemoryLog(), nil, nil, Limits{})
		if h.Outdated(headAt("one", 3)) || h.Superseded(headAt("one", 3)) {
			t.Error("nothing is known, and yet the page is outdated")
		}
		if ids := h.Watched(); len(ids) != 1 || ids[0] != blogA {
			t.Errorf("the blog of a page is not polled: %v", ids)
		}
		h.Wake(blogA, 4)
		if !h.Superseded(headAt("one", 3)) || h.Superseded(headAt("one", 4)) {
			t.Error("a notification was not understood")
		}
		h.Heads([]liveblog.Head{headAt("one", 3)}) // read before the notification
		if !h.Superseded(headAt("one", 3)) {
			t.Error("an older answer of the database is believed")
		}
		h.Heads([]liveblog.Head{headAt("one", 6)})
		if !h.Superseded(headAt("one", 5)) || h.Outdated(headAt("one", 6)) {
			t.Error("the database was not believed")
		}
		h.Heads([]liveblog.Head{headAt("two", 2)})
		if !h.Superseded(headAt("one", 6)) || h.Outdated(headAt("two", 2)) {
			t.Error("another history was not noticed")
		}
		time.Sleep(idleLife)
		if ids := h.Watched(); len(ids) != 0 {
			t.Errorf("no page is requested any more, and yet it is polled: %v", ids)
		}
	})
}

// Any session on the database can send notifications: what the database does not
// confirm is forgotten, otherwise all pages of the blog would be held back for ever.
func TestHub_ForgetsFalseNotifications(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(newMemoryLog(), nil, nil, Limits{})
		h.Heads([]liveblog.Head{headAt("one", 3)})
		h.Wake(blogA, 1<<60)
		time.Sleep(headTrust + time.Second)
		h.Heads([]liveblog.Head{headAt("one", 3)})
		if h.Outdated(headAt("one", 3)) {
			t.Error("a false notification is believed for ever")
		}
	})
}

func TestHub_BoundsCachedHeads(t *testing.T) {
	h := New(newMemoryLog(), nil, nil, Limits{})
	for range 3 * maxHeads {
		h.Wake(uuid.New(), 1)
	}
	if n := len(h.heads.young) + len(h.heads.old); n > 2*maxHeads {
		t.Errorf("%d heads are kept", n)
	}
	for range maxRequested + 10 {
		h.Outdated(liveblog.Head{BlogID: uuid.New()})
	}
	if n := len(h.Watched()); n != maxRequested {
		t.Errorf("%d blogs are polled", n)
	}
}

// A page that lacks added posts only may be kept while the database is away; one
// that may hold a text which was corrected or removed may not, nor one of which
// it can't be known yet.
func TestHub_SupersededByCorrectionsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog()
		log.publish(3)
		h := startHub(t, log, roomy)
		if _, err := h.enter(t.Context(), blogA, 1, 0); err != nil {
			t.Fatal(err)
		}
		superseded := func(what string, seq int64, want bool) {
			t.Helper()
			head := headAt("one", seq)
			head.Chain = log.chainOf(seq)
			if got := h.Superseded(head); got != want {
				t.Errorf("%s: superseded at %d is %t", what, seq, got)
			}
		}
		superseded("from before the topic began", 2, true)
		log.publish(2)
		h.Wake(blogA, 5)
		synctest.Wait()
		superseded("posts were added", 3, false)
		if !h.Outdated(headAt("one", 3)) {
			t.Error("the page is not outdated")
		}
		log.append(liveblog.EventDelete, uuid.New(), 2, "")
		h.Wake(blogA, 6)
		synctest.Wait()
		superseded("a post was removed", 5, true)
		superseded("read after the removal", 6, false)
		log.breakDown(errAway)
		h.Wake(blogA, 7)
		synctest.Wait()
		superseded("reported, and not read", 6, true)
	})
}

// What is about to be removed is not replayed from the ring to new readers.
func TestHub_ReplayWaitsForWhatIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog()
		h := startHub(t, log, roomy)
		if _, err := h.enter(t.Context(), blogA, 1, 0); err != nil {
			t.Fatal(err)
		}
		post := uuid.New()
		log.append(liveblog.EventPost, post, 1, "a name that must go")
		h.Wake(blogA, 1)
		synctest.Wait()
		log.breakDown(errAway)
		log.append(liveblog.EventDelete, post, 2, "")
		h.Wake(blogA, 2)
		synctest.Wait()
		poll := func(ctx context.Context) (*Batch, error) {
			return h.Poll(ctx, Request{BlogID: blogA, Position: Position{HasAfter: true}}, 0, 10)
		}
		if b, err := poll(t.Context()); !errors.Is(err, liveblog.ErrUnavailable) {
			t.Errorf("the ring told %+v, %v", b, err)
		}
		log.breakDown(nil)
		b, err := poll(t.Context())
		if err != nil || len(b.Events) != 2 || b.Events[0].Type != "delete" {
			t.Errorf("%+v, %v", b, err)
		}
	})
}
