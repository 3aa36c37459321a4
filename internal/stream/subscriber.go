package stream

import (
	"context"
	"time"

	"dateline/internal/liveblog"
)

// Position is where a client asks to resume. Without a cursor it is the end of the
// log; without an epoch and a chain the cursor is assumed to belong to this history.
type Position struct {
	After    int64
	HasAfter bool
	Invalid  bool // there is a cursor, but it can't be understood
	Epoch    string
	Chain    liveblog.Chain // of the event After, if the client knows it
	Receipts bool           // the client wants ids that hold the chain as well
}

// Subscriber is a reader's cursor into the ring of a blog. It has no queue: a slow
// reader costs its cursor. One writer at a time uses it. Two equal subscribers are
// owed the same bytes.
type Subscriber struct {
	topic      *topic
	cursor     int64
	generation int
	views      int64 // the version of the counts that the reader has
	compressed bool  // the reader gets deflate blocks
	receipts   bool  // its ids are receipts
	pinned     bool  // its URL names an epoch or a chain, which a browser repeats on each reconnect
	chunked    bool  // it gets chunks; net/http makes them itself

	// expectedChain is the chain that the event at the cursor must have. It is
	// compared when the ring or a page of the log holds that place, and nil afterwards.
	expectedChain *liveblog.Chain
}

// subscribe decides where a stream resumes. When it can't resume at its position,
// subscribe returns the reset that says so, and a subscriber at the end of the log.
//
// What this node does not know is neither trusted nor refused before the database
// was asked: the reader may come from a node that is ahead.
func (h *Hub) subscribe(ctx context.Context, t *topic, p Position) (*Subscriber, *reset, error) {
	if err := t.ensureKnown(ctx, p); err != nil {
		return nil, nil, err
	}
	if err := t.awaitKnown(ctx, p); err != nil {
		return nil, nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &Subscriber{
		topic: t, cursor: p.After, generation: t.generation, views: t.counts.version,
		receipts: p.Receipts, pinned: p.Epoch != "" || p.Chain != "",
	}
	if s.receipts {
		h.receipting.Store(true)
	}
	if reason := t.resumeError(p); reason != "" {
		return s, s.startAgain(reason), nil
	}
	switch {
	case !p.HasAfter:
		s.cursor = t.ring.head
	case p.Chain != "" && t.ring.chainAt(p.After) == "":
		s.expectedChain = &p.Chain
	}
	return s, nil, nil
}

// ensureKnown asks the database for the head when a position is not in the history
// that this node knows. It asks at most twice: the first answer may belong to a query
// that another reader started before the event at this position was committed.
func (t *topic) ensureKnown(ctx context.Context, p Position) error {
	for range 2 {
		if t.covers(p) {
			return nil
		}
		if err := t.refreshHead(ctx); err != nil {
			return err
		}
	}
	return nil
}

// covers reports whether a position is in the topic's history, as far as this node
// knows it.
func (t *topic) covers(p Position) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	reason := t.resumeError(p)
	return reason != reasonEpoch && reason != reasonAhead && reason != reasonChain
}

// resumeError is the reason why a stream can't resume at a position, or "". The
// caller holds t.mu.
func (t *topic) resumeError(p Position) string {
	switch {
	case p.Invalid:
		return reasonInvalid
	case p.Epoch != "" && p.Epoch != t.epoch:
		return reasonEpoch
	case p.HasAfter && p.After > max(t.confirmed, t.ring.head):
		return reasonAhead
	case p.HasAfter && p.After < t.lowSeq:
		return reasonPruned
	case p.HasAfter && p.Chain != "" && t.hasOtherChain(p.After, p.Chain):
		return reasonChain
	default:
		return ""
	}
}

// hasOtherChain reports whether the ring holds another chain for an event. The
// caller holds t.mu.
func (t *topic) hasOtherChain(seq int64, chain liveblog.Chain) bool {
	held := t.ring.chainAt(seq)
	return held != "" && held != chain
}

// awaitKnown returns when the ring holds all events that this node knows to be in
// the log. A reader that gets older frames waits for it: one of them may be about to
// be corrected or removed.
func (t *topic) awaitKnown(ctx context.Context, p Position) error {
	if !p.HasAfter {
		return nil
	}
	known := t.hub.heads.seq(t.blogID)
	var timeout *time.Timer
	for last := int64(-1); ; {
		t.mu.Lock()
		head, changed := t.ring.head, t.changed
		t.mu.Unlock()
		if head >= known || p.After >= head {
			return nil
		}
		t.wake(known)
		switch {
		case timeout == nil:
			timeout = time.NewTimer(fetchTimeout)
			defer timeout.Stop()
		case head > last:
			timeout.Reset(fetchTimeout)
		}
		last = head
		select {
		case <-changed:
		case <-timeout.C:
			return errBehind
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// fetchTimeout is how long a reader waits for events that are known to be in the
// log, while none arrives.
const fetchTimeout = time.Second

// errBehind reports that events which are known to be in the log could not be read.
var errBehind = liveblog.Errorf(liveblog.ErrUnavailable, "behind", "the newest events can't be read at the moment; ask again")

// startAgain moves the cursor to the present end of the log and returns the reset
// that says so. A reader whose URL names an epoch or a chain gets receipts from then
// on: such an id is judged by itself, while a number would be judged by what the URL
// says of another history. The caller holds the topic's mutex.
func (s *Subscriber) startAgain(reason string) *reset {
	t := s.topic
	s.generation, s.cursor, s.expectedChain = t.generation, t.ring.head, nil
	if s.receipts = s.receipts || s.pinned; s.receipts {
		t.hub.receipting.Store(true)
	}
	t.hub.metrics.Reset(reason)
	return &reset{Reason: reason, Epoch: t.epoch, Head: t.ring.head, Chain: t.ring.chainAt(t.ring.head)}
}

// resetForChain is startAgain for a reader whose cursor belongs to another history.
func (s *Subscriber) resetForChain() *reset {
	s.topic.mu.Lock()
	defer s.topic.mu.Unlock()
	return s.startAgain(reasonChain)
}

// chainMismatch compares the expected chain with the ring as soon as the ring holds
// the place of the cursor. The caller holds the topic's mutex.
func (s *Subscriber) chainMismatch() bool {
	held := s.topic.ring.chainAt(s.cursor)
	if s.expectedChain == nil || held == "" {
		return false
	}
	expected := *s.expectedChain
	s.expectedChain = nil
	return expected != held
}

// writeBatch is what is due to a subscriber at one moment. The subscriber does not
// move when the batch is made, but by advance, when it is written.
type writeBatch struct {
	buffers [][]byte        // to write, in order: a reset if needed, events, counts of views, end
	start   Subscriber      // the subscriber as it is before the first event, after a reset
	first   int             // the index of the first event in buffers
	events  int             // how many of the buffers are events
	views   int64           // the version of the counts that follow them; start.views without any
	newest  int64           // when the last event was committed, Unix nanoseconds
	behind  bool            // the ring no longer holds the next events: read a page of the log
	over    bool            // the stream ends with this batch
	changed <-chan struct{} // closed when more is due
}

// peek makes the batch of what is due now, in place of the one that b holds.
func (s *Subscriber) peek(b *writeBatch) {
	t := s.topic
	t.mu.Lock()
	defer t.mu.Unlock()
	b.buffers, b.start, b.views, b.changed = b.buffers[:0], *s, s.views, t.changed
	b.events, b.newest, b.behind, b.over = 0, 0, false, false
	s = &b.start
	if s.generation != t.generation {
		b.buffers = append(b.buffers, s.wrap(s.reset(*s.startAgain(t.resetReason))))
	} else if s.chainMismatch() {
		b.buffers = append(b.buffers, s.wrap(s.reset(*s.startAgain(reasonChain))))
	}
	b.first = len(b.buffers)
	if s.cursor < t.ring.low {
		b.behind = true
		return
	}
	pending := s.pending()
	if b.behind = !allReady(pending, s); b.behind {
		return
	}
	for _, f := range pending {
		b.buffers = append(b.buffers, f.bytesFor(s))
		b.newest = f.at
		b.events++
	}
	if frame := t.counts.since(s.views); frame != nil {
		b.buffers = append(b.buffers, frame.bytes(s.compressed, s.chunked))
		b.views = t.counts.version
	}
	if t.status == liveblog.BlogEnded && t.ring.head >= t.target && s.cursor <= t.ring.head {
		b.buffers = append(b.buffers, s.wrapLast(endFrame(t.ring.head)))
		b.over = true
	}
}

// advance moves the subscriber past the first n buffers of its batch, and returns
// how many events are among them.
func (s *Subscriber) advance(b *writeBatch, n int) (events int) {
	if n < b.first {
		return 0
	}
	events = min(n-b.first, b.events)
	*s = b.start
	s.cursor += int64(events)
	if n > b.first+b.events {
		s.views = b.views
	}
	return events
}

// dropFrames makes the batch forget its buffers, since the ring may drop their
// frames. It keeps their list for the next batch if that has room for at most maxKept.
func (b *writeBatch) dropFrames(maxKept int) {
	buffers := b.buffers
	clear(buffers[:cap(buffers)])
	b.buffers = nil
	if cap(buffers) <= maxKept {
		b.buffers = buffers[:0]
	}
}

// pending are the frames after the cursor. A cursor ahead of a node that lags has
// none yet. The caller holds the topic's mutex.
func (s *Subscriber) pending() []*Frame {
	if s.cursor >= s.topic.ring.head {
		return nil
	}
	return s.topic.ring.after(s.cursor)
}

// allReady reports whether frames are encoded as a subscriber wants them: to encode
// one takes longer than other readers may wait for the topic's mutex.
func allReady(frames []*Frame, s *Subscriber) bool {
	for _, f := range frames {
		if !f.readyFor(s) {
			return false
		}
	}
	return true
}

// moveTo moves the cursor to a frame that was read from the log. What comes next
// must continue its chain.
func (s *Subscriber) moveTo(f *Frame) {
	chain := f.Chain
	s.cursor, s.expectedChain = f.Seq, &chain
}

// id is what a reader resumes with.
func (s *Subscriber) id(seq int64, chain liveblog.Chain) string {
	if s.receipts {
		return receipt(seq, chain)
	}
	return number(seq)
}
