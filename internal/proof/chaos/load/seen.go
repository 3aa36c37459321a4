package load

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"dateline/internal/proof/chaos/history"
)

// heard logs one event, in the words of the stream, and moves the cursor to its
// id; id is "" when it brought none. A hello that goes on elsewhere than asked
// does not move it: the reset that must follow does.
func (r *reader) heard(name, id string, data []byte) {
	at := time.Now()
	s := history.Seen{At: at.UnixNano(), Node: r.route.at, Kind: name}
	number, receipt, _ := strings.Cut(id, ".")
	if seq, err := strconv.ParseInt(number, 10, 64); err == nil {
		s.Seq = seq
		r.come(name, seq, id, receipt)
	}
	switch name {
	case history.Post, history.Update, history.Remove, history.Blog:
		r.event(&s, data)
		r.link(&s, receipt)
		r.follower.Saw(s.Seq, at)
	case history.Hello:
		r.hello(&s, data)
	case history.Reset:
		r.reset(&s, data)
	case history.Views:
		s.Counts = counts(data)
	case history.End:
		r.over = true
	}
	r.log.Add(&s)
}

// come moves the cursor. The chain at it is the receipt's, or comes with the data.
func (r *reader) come(name string, seq int64, id, receipt string) {
	if name == history.Hello && r.cursor != none && r.cursor != seq {
		return
	}
	if r.cursor != seq || receipt != "" {
		r.chain = receipt
	}
	r.cursor, r.lastID = seq, id
}

// link takes the chain of an event over, which its id must not contradict.
func (r *reader) link(s *history.Seen, receipt string) {
	if s.Chain == 0 {
		return
	}
	r.chain = fmt.Sprintf("%016x", s.Chain)
	if receipt != "" && receipt != r.chain {
		s.Why = "receipt " + receipt + " with chain " + r.chain
	}
}

// event takes the post out of an event's data. What comes after the text and the
// chain is skipped, which is most of it.
func (r *reader) event(s *history.Seen, data []byte) {
	for key, raw := range fields(data) {
		switch string(key) {
		case "chain":
			s.Chain = chainOf(text(raw))
		case "id":
			s.Post = text(raw)
		case "seq":
			if seq := number(raw); seq != s.Seq {
				s.Why = "seq " + strconv.FormatInt(seq, 10) + " in the data"
			}
		case "version":
			s.Version = number(raw)
		case "title":
			s.Text = text(raw)
		case "html":
			r.scratch = appendText(r.scratch[:0], raw)
			s.Hash = hash(r.scratch)
		}
		if s.Hash != 0 && s.Chain != 0 {
			break
		}
	}
	if s.Kind == history.Blog {
		s.Post, s.Version, s.Text, s.Hash = "", 0, "", 0
	}
}

// chainOf is a chain as a number, or 0.
func chainOf(text string) uint64 {
	n, err := strconv.ParseUint(text, 16, 64)
	if err != nil || len(text) != 16 {
		return 0
	}
	return n
}

// hello is where a stream begins.
func (r *reader) hello(s *history.Seen, data []byte) {
	head := int64(0)
	for key, raw := range fields(data) {
		switch string(key) {
		case "epoch":
			s.Epoch = text(raw)
		case "head":
			head = number(raw)
		case "from": // also where it is no id to resume with, before the reader's chain is compared
			s.Seq = number(raw)
		}
	}
	r.greeted(s, head)
}

// greeted takes over where a stream or a series of polls begins. A reader that
// was away of its own will is not owed in time what happened meanwhile.
func (r *reader) greeted(s *history.Seen, head int64) {
	r.epoch, r.failures = cmp.Or(r.told(), s.Epoch), 0
	if r.fresh {
		r.follower.Knows(head)
		r.fresh = false
	}
}

// reset tells the reader to start again: it goes on from the head it is told.
func (r *reader) reset(s *history.Seen, data []byte) {
	for key, raw := range fields(data) {
		switch string(key) {
		case "reason":
			s.Why = text(raw)
		case "epoch":
			s.Epoch = text(raw)
		case "head":
			s.Seq = number(raw)
		case "chain":
			r.chain = text(raw)
		}
	}
	r.cursor, r.epoch = s.Seq, s.Epoch
	if r.Keeps != history.KeepsNative && r.Keeps != history.KeepsReceipt && r.Keeps != history.KeepsNumber {
		r.renew() // those are EventSources whose address stays as it is
	}
	r.follower.StartsAgain(s.Seq)
}

// counts are the views by post in a views event.
func counts(data []byte) map[string]int64 {
	out := map[string]int64{}
	for key, raw := range fields(data) {
		if string(key) != "posts" {
			continue
		}
		for id, n := range fields(raw) {
			out[string(id)] = number(n)
		}
	}
	return out
}
