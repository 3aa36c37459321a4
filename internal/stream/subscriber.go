package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

// Why a reader is told to start again.
const (
	reasonEpoch  = "epoch"  // the cursor belongs to another history
	reasonAhead  = "ahead"  // the cursor is beyond the log's end
	reasonPruned = "pruned" // the events after the cursor are no longer kept
	reasonChain  = "chain"  // the event at the cursor is another one in this history

	reasonInvalid = "invalid" // the cursor is no number
)

// Position is where a reader asks to go on. Without a cursor it is the end of
// the log; without an epoch and a chain the cursor is believed to belong to this
// history.
type Position struct {
	After    int64
	HasAfter bool
	Invalid  bool // there is a cursor, but it can't be understood
	Epoch    string
	Chain    liveblog.Chain // of the event After, if the reader knows it
	Receipts bool           // the reader wants ids that hold the chain as well
}

// reset is the data of the event that tells a reader to start again.
type reset struct {
	Reason string         `json:"reason"`
	Epoch  string         `json:"epoch"`
	Head   int64          `json:"head"`
	Chain  liveblog.Chain `json:"chain"` // of head
}

// hello is the data of a stream's first event.
type hello struct {
	Epoch   string         `json:"epoch"`
	Head    int64          `json:"head"`
	From    int64          `json:"from"`
	Chain   liveblog.Chain `json:"chain,omitempty"` // of from, as far as this node knows it
	Readers int64          `json:"readers"`
	Poll    string         `json:"poll,omitempty"`
	Token   string         `json:"token,omitempty"`
}

// Subscriber is a reader's cursor into the ring of a blog. It has no queue: a
// slow reader costs its cursor. It is used by one writer at a time.
type Subscriber struct {
	topic      *topic
	cursor     int64
	generation int
	views      int64
	compressed bool // the reader gets deflate blocks
	receipts   bool // its ids are receipts
	repeats    bool // it says the same of its history each time that it comes back
	chunked    bool // and chunks; net/http makes them itself

	claim *liveblog.Chain // of the event at the cursor, to be compared where that is known
}

// due is what a subscriber is owed at one moment.
type due struct {
	buffers [][]byte        // to write, in order
	first   int             // which of them is the first event of the log
	events  int             // how many of them are events of the log
	from    int64           // the cursor before these
	views   bool            // counts of views come after them
	newest  int64           // when the last of these was committed, Unix nanoseconds
	behind  bool            // the ring has let go of what comes next: read the log
	over    bool            // nothing comes after this
	changed <-chan struct{} // closed when something new is due
}

// subscribe finds where a reader goes on. When that is impossible it gives the
// frame that says so and goes on from the end of the log.
//
// What this node does not know of is not trusted and not refused before the
// database was asked: the reader may come from a faster node.
func (h *Hub) subscribe(ctx context.Context, t *topic, p Position) (*Subscriber, *reset, error) {
	if err := t.reach(ctx, p); err != nil {
		return nil, nil, err
	}
	if err := t.awaitKnown(ctx, p); err != nil {
		return nil, nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &Subscriber{
		topic: t, cursor: p.After, generation: t.generation, views: t.counts.version,
		receipts: p.Receipts, repeats: p.Epoch != "" || p.Chain != "",
	}
	if s.receipts {
		h.receipting.Store(true)
	}
	reason := t.refuse(p)
	if reason != "" {
		return s, s.startAgain(reason), nil
	}
	switch {
	case !p.HasAfter:
		s.cursor = t.ring.head
	case p.Chain != "" && t.ring.chainAt(p.After) == "":
		s.claim = &p.Chain
	}
	return s, nil, nil
}

// reach asks how far the log goes when a position is not in the history that is
// known. It asks twice at most: the first answer may be that to a question which
// another reader asked before the event at this position was there.
func (t *topic) reach(ctx context.Context, p Position) error {
	for range 2 {
		if t.knows(p) {
			return nil
		}
		if err := t.ask(ctx); err != nil {
			return err
		}
	}
	return nil
}

// knows reports whether a position is in the topic's history, as far as this
// node knows it.
func (t *topic) knows(p Position) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	reason := t.refuse(p)
	return reason != reasonEpoch && reason != reasonAhead && reason != reasonChain
}

// refuse says why a position can't be resumed, or nothing; t.mu is held.
func (t *topic) refuse(p Position) string {
	switch {
	case p.Invalid:
		return reasonInvalid
	case p.Epoch != "" && p.Epoch != t.epoch:
		return reasonEpoch
	case p.HasAfter && p.After > max(t.confirmed, t.ring.head):
		return reasonAhead
	case p.HasAfter && p.After < t.lowSeq:
		return reasonPruned
	case p.HasAfter && p.Chain != "" && t.otherAt(p.After, p.Chain):
		return reasonChain
	default:
		return ""
	}
}

// otherAt reports whether the ring knows another chain of an event; t.mu is held.
func (t *topic) otherAt(seq int64, chain liveblog.Chain) bool {
	held := t.ring.chainAt(seq)
	return held != "" && held != chain
}

// disproved compares what the reader said of its history, or what it was told from
// the log, with the ring as soon as that holds the place. The topic's mutex is held.
func (s *Subscriber) disproved() bool {
	held := s.topic.ring.chainAt(s.cursor)
	if s.claim == nil || held == "" {
		return false
	}
	claimed := *s.claim
	s.claim = nil
	return claimed != held
}

// startAgain moves the cursor to the end of the log as it is now, and says so. Who
// repeats an epoch or a chain in the URL gets receipts from then on: such an id is
// judged by itself, while a number would be judged by what the URL says of another
// history. The topic's mutex is held.
func (s *Subscriber) startAgain(reason string) *reset {
	t := s.topic
	s.generation, s.cursor, s.claim = t.generation, t.ring.head, nil
	if s.receipts = s.receipts || s.repeats; s.receipts {
		t.hub.receipting.Store(true)
	}
	t.hub.metrics.Reset(reason)
	return &reset{Reason: reason, Epoch: t.epoch, Head: t.ring.head, Chain: t.ring.chainAt(t.ring.head)}
}

// next gives what is due now, appended to buffers, and moves the cursor past it.
func (s *Subscriber) next(buffers [][]byte) due {
	t := s.topic
	t.mu.Lock()
	defer t.mu.Unlock()
	d := due{buffers: buffers, changed: t.changed}
	if s.generation != t.generation {
		d.buffers = append(d.buffers, s.own(s.reset(*s.startAgain(t.reason))))
	} else if s.disproved() {
		d.buffers = append(d.buffers, s.own(s.reset(*s.startAgain(reasonChain))))
	}
	d.first, d.from = len(d.buffers), s.cursor
	if s.cursor < t.ring.low {
		d.behind = true
		return d
	}
	pending := s.pending()
	if d.behind = !s.ready(pending); d.behind {
		return d
	}
	for _, f := range pending {
		d.buffers = append(d.buffers, f.to(s))
		d.newest = f.at
		d.events++
	}
	s.cursor = max(s.cursor, t.ring.head)
	if frame := t.counts.since(s.views); frame != nil {
		d.buffers = append(d.buffers, frame.as(s.compressed, s.chunked))
		s.views, d.views = t.counts.version, true
	}
	if t.status == liveblog.BlogEnded && t.ring.head >= t.target && s.cursor <= t.ring.head {
		d.buffers = append(d.buffers, s.last(endFrame(t.ring.head)))
		d.over = true
	}
	return d
}

// own is a frame that only this reader gets, as it gets all of them.
func (s *Subscriber) own(frame []byte) []byte {
	if s.compressed {
		frame = store(frame)
	}
	return s.framed(frame)
}

// ready reports whether frames are all made as this reader wants them: to make one
// takes longer than others shall wait for the topic's mutex.
func (s *Subscriber) ready(frames []*Frame) bool {
	for _, f := range frames {
		if !f.readyFor(s) {
			return false
		}
	}
	return true
}

// pending gives the frames after the cursor; a cursor ahead of a node that lags
// has none yet. The topic's mutex is held.
func (s *Subscriber) pending() []*Frame {
	if s.cursor >= s.topic.ring.head {
		return nil
	}
	return s.topic.ring.after(s.cursor)
}

// catchUp reads what the ring has let go of from the log: one read for all who
// are at the same place. When the log has let go of it too, it gives the frame
// that says so and goes on from the end of the log.
func (s *Subscriber) catchUp(ctx context.Context) ([]*Frame, *reset, error) {
	p, err := s.topic.history(ctx, s.cursor, s.generation)
	if errors.Is(err, errHole) {
		refused, err := s.giveUp(ctx)
		return nil, refused, err
	}
	if err != nil {
		return nil, nil, err
	}
	if s.claim != nil && !p.follows(*s.claim) {
		return nil, s.refuted(), nil
	}
	s.come(p.frames[len(p.frames)-1])
	return p.frames, nil, nil
}

// come moves the cursor to a frame that was read from the log: what comes next must
// go on from its chain.
func (s *Subscriber) come(f *Frame) {
	chain := f.Chain
	s.cursor, s.claim = f.Seq, &chain
}

// refuted tells a reader whose cursor is of another history to start again.
func (s *Subscriber) refuted() *reset {
	s.topic.mu.Lock()
	defer s.topic.mu.Unlock()
	return s.startAgain(reasonChain)
}

// errHole is a log without the event that comes next.
var errHole = errors.New("the log lacks the next event")

// giveUp finds out why the log lacks the next event. It was pruned after the
// reader was let in, or history began anew, which next will tell; anything else
// is an error.
func (s *Subscriber) giveUp(ctx context.Context) (*reset, error) {
	t := s.topic
	if err := t.ask(ctx); err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case s.generation != t.generation:
		return nil, nil
	case s.cursor >= t.lowSeq:
		return nil, fmt.Errorf("blog %s after %d: %w", t.blogID, s.cursor, errHole)
	}
	return s.startAgain(reasonPruned), nil
}

// page is a part of the log that the ring does not hold ready.
type page struct {
	frames []*Frame
	first  liveblog.Event
	before liveblog.Chain // of the event before the first, if the page is of the ring
}

// follows reports whether the page goes on from an event with this chain.
func (p page) follows(chain liveblog.Chain) bool {
	if p.before != "" {
		return chain == p.before
	}
	return chain.Next(p.first) == p.first.Chain
}

// history makes a page of frames after a cursor, once for all who ask at the same
// time and know as much: who knows of a removal gets nothing that was read before
// it. It is made of what the ring has, else of the log. The latter is not kept: a
// text may be corrected at any moment. It ends before the first hole; with the hole
// at its beginning the error is errHole.
func (t *topic) history(ctx context.Context, after int64, generation int) (page, error) {
	key := fmt.Sprintf("history %s %d %d %d", t.blogID, generation, after, t.hub.heads.seq(t.blogID))
	read, err, _ := t.hub.loads.Do(key, func() (any, error) {
		if p := t.recall(after, generation); len(p.frames) > 0 {
			return p, nil
		}
		ctx := liveblog.WithAnonymous(context.WithoutCancel(ctx), true) // readers wait for it, never the ring
		events, err := t.hub.log.EventsAfter(ctx, t.blogID, after, fetchLimit)
		if err != nil {
			return nil, err
		}
		if events = unbroken(events, after); len(events) == 0 {
			return nil, errHole
		}
		frames, err := t.hub.frames(events, maxPage)
		return page{frames: frames, first: events[0]}, err
	})
	if err != nil {
		return page{}, err
	}
	return read.(page), nil
}

// maxPage bounds what a slow reader who is behind the ring holds in memory, in bytes.
const maxPage = 256 << 10

// recall makes the frames of the ring after a cursor that are bare, or not in a form
// that somebody wants by now, and puts them back for those who come next.
func (t *topic) recall(after int64, generation int) (p page) {
	t.mu.Lock()
	if generation != t.generation || after < t.ring.low || after >= t.ring.head {
		t.mu.Unlock()
		return p
	}
	drafts := t.ring.drafts(after)
	p.before = t.ring.chainAt(after)
	t.mu.Unlock()
	for _, d := range drafts {
		f := d.frame
		if f.isBare() {
			f = f.bare().make(d.content, false)
		}
		t.hub.prepare(f)
		p.frames = append(p.frames, f)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, d := range drafts {
		if p.frames[i] != d.frame {
			t.ring.put(d, p.frames[i])
		}
	}
	return p
}

// unbroken gives the events that follow each other and a cursor without a hole.
func unbroken(events []liveblog.Event, after int64) []liveblog.Event {
	for i, ev := range events {
		if ev.Seq != after+int64(i)+1 {
			return events[:i]
		}
	}
	return events
}

// frames renders events, at least one and of the others not more than so many bytes.
// What events of one subject tell is encoded once: they were read together.
func (h *Hub) frames(events []liveblog.Event, most int) (frames []*Frame, err error) {
	told := map[uuid.UUID]*content{}
	size := 0
	for _, ev := range events {
		c := told[subject(ev)]
		alone := c == nil || ev.Type == liveblog.EventDelete // which tells of itself
		if alone {
			if c, err = newContent(ev, h.encode); err != nil {
				return nil, err
			}
		}
		if ev.Type != liveblog.EventDelete {
			told[subject(ev)] = c
		}
		f := newFrame(ev, c, alone)
		if size += len(f.plain); size > most && len(frames) > 0 {
			break
		}
		h.prepare(f)
		frames = append(frames, f)
	}
	return frames, nil
}

// prepare makes the forms of a frame that somebody wants, here, where no reader
// waits for it.
func (h *Hub) prepare(f *Frame) {
	forms := []*wire{&f.wire}
	if h.receipting.Load() {
		forms = append(forms, f.withReceipt())
	}
	if h.compressing.Load() {
		for _, w := range forms {
			w.pack()
		}
	}
}

// hello tells a reader where its stream begins, under an id to resume with if it
// is known that it may resume there.
func (s *Subscriber) hello(resumable bool, req Request) []byte {
	told, id := hello{From: s.cursor, Poll: req.Poll}, noID
	if req.Token != nil {
		told.Token = req.Token()
	}
	t := s.topic
	t.mu.Lock()
	told.Epoch, told.Head, told.Chain, told.Readers = t.epoch, t.ring.head, t.ring.chainAt(s.cursor), t.counts.readers
	t.mu.Unlock()
	if resumable && s.claim == nil {
		id = s.id(s.cursor, told.Chain)
	}
	return jsonEvent(nameHello, id, told)
}

// reset tells a reader to start again.
func (s *Subscriber) reset(r reset) []byte { return jsonEvent(nameReset, s.id(r.Head, r.Chain), r) }

// id is what a reader resumes with.
func (s *Subscriber) id(seq int64, chain liveblog.Chain) string {
	if s.receipts {
		return receipt(seq, chain)
	}
	return number(seq)
}

func endFrame(head int64) []byte { return jsonEvent(nameEnd, noID, map[string]int64{"head": head}) }

func pingFrame(head int64) []byte { return jsonEvent(namePing, noID, map[string]int64{"head": head}) }

// byeFrame asks a reader to come back, to another node if there is one, after a
// moment of its own.
func byeFrame() []byte {
	b := retryLine(milliseconds(moment()))
	return append(b, jsonEvent(nameBye, noID, bye{Reason: reasonDraining})...)
}

func jsonEvent(name, id string, v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic("stream: control events are always encodable: " + err.Error())
	}
	return appendEvent(nil, name, id, data)
}
