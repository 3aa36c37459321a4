package stream

import (
	"fmt"
	"strconv"
	"sync/atomic"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

// Names of the events that are not in the log.
const (
	nameHello = "hello"
	nameViews = "views"
	namePing  = "ping"
	nameReset = "reset"
	nameEnd   = "end"
	nameBye   = "bye"
)

// Encode turns an event into the name and the data of its server-sent event.
// Data is one line of JSON, an object without the number and the chain of the
// event: the frame has these. The name may differ from the event's type: any event
// of a post that is removed by now is told as a deletion.
type Encode func(liveblog.Event) (name string, data []byte, err error)

// Frame is an event as readers get it. Frames are shared by all readers of a
// node and never change.
type Frame struct {
	Seq   int64
	Chain liveblog.Chain
	Name  string
	Data  []byte // JSON

	wire                         // the event in the format of server-sent events, its end included; empty for one that is not made
	receipt atomic.Pointer[wire] // the same under an id that is a receipt
	content *content
	event   liveblog.EventType
	subject uuid.UUID
	at      int64 // Unix nanoseconds of the commit
}

// newFrame makes the frame of an event that tells a content. alone says that no
// other frame has the same: it is compressed as a whole then.
func newFrame(ev liveblog.Event, c *content, alone bool) *Frame {
	f := &Frame{Seq: ev.Seq, Chain: ev.Chain, event: ev.Type, subject: subject(ev), at: ev.At.UnixNano()}
	return f.make(c, alone)
}

// make fills a frame that has only what it is about.
func (f *Frame) make(c *content, alone bool) *Frame {
	f.content, f.Name = c, c.nameOf(f.event)
	f.wire.make(f, number(f.Seq))
	if alone {
		f.shared = nil
	}
	f.Data = f.plain[len(f.plain)-f.data : len(f.plain)-len(eventEnd)]
	return f
}

// bare is the frame without what it tells: only what it is about.
func (f *Frame) bare() *Frame {
	return &Frame{Seq: f.Seq, Chain: f.Chain, event: f.event, subject: f.subject, at: f.at}
}

// isBare reports whether the frame tells nothing.
func (f *Frame) isBare() bool { return f.plain == nil }

// subject is the post that an event is about, or the zero id for the blog itself.
func subject(ev liveblog.Event) uuid.UUID {
	if ev.PostID == nil {
		return uuid.Nil
	}
	return *ev.PostID
}

// to gives the frame as a reader wants it.
func (f *Frame) to(s *Subscriber) []byte {
	if s.receipts {
		return f.withReceipt().as(s.compressed, s.chunked)
	}
	return f.as(s.compressed, s.chunked)
}

// readyFor reports whether the frame is made in the form that a reader wants, so
// that giving it takes no time.
func (f *Frame) readyFor(s *Subscriber) bool {
	w := &f.wire
	if s.receipts {
		if w = f.receipt.Load(); w == nil {
			return false
		}
	}
	return w.plain != nil && (!s.compressed || w.packed.Load() != nil)
}

// withReceipt is the frame under an id that is a receipt.
func (f *Frame) withReceipt() *wire {
	if w := f.receipt.Load(); w != nil {
		return w
	}
	w := &wire{}
	w.make(f, receipt(f.Seq, f.Chain))
	f.receipt.CompareAndSwap(nil, w)
	return f.receipt.Load()
}

// make writes the event under an id.
func (w *wire) make(f *Frame, id string) {
	const most = 160 // bytes of all but the content
	b := appendHead(make([]byte, sizeRoom, sizeRoom+most+len(f.content.tail)), f.Name, id)
	head := len(b)
	b = f.content.appendTold(b, f.Seq, f.Chain)
	w.data, w.shared = len(b)-head, f.content
	w.whole, w.plain = chunk(b)
}

// noID leaves the id line out, so that the reader's last event id stays
// (WHATWG HTML, server-sent events, "id" field).
const noID = ""

// number is the ordinary id of an event.
func number(seq int64) string { return strconv.FormatInt(seq, 10) }

// receipt is an id that tells the history as well. Where that is not known there
// is none.
func receipt(seq int64, chain liveblog.Chain) string {
	if chain == "" {
		return noID
	}
	return number(seq) + "." + string(chain)
}

// appendEvent writes one event of the format (WHATWG HTML, section 9.2.6). name
// is one of our constants and data one line of JSON: neither can hold CR, LF or
// NUL, since JSON escapes them.
func appendEvent(b []byte, name, id string, data []byte) []byte {
	return append(append(appendHead(b, name, id), data...), eventEnd...)
}

// eventEnd ends the data and the event.
const eventEnd = "\n\n"

// appendHead writes an event up to its data.
func appendHead(b []byte, name, id string) []byte {
	b = append(b, "event: "...)
	b = append(b, name...)
	if id != noID {
		b = append(b, "\nid: "...)
		b = append(b, id...)
	}
	return append(b, "\ndata: "...)
}

// retryLine sets how long EventSource waits before it reconnects, in milliseconds.
func retryLine(milliseconds int) []byte {
	return fmt.Appendf(nil, "retry: %d\n\n", milliseconds)
}
