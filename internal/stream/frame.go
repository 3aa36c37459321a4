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

// Encode turns an event into the name and the data of its server-sent event. Data is
// one line of JSON, an object without the event's number and chain, which the frame
// adds. The name may differ from the event's type: any event of a post that has been
// removed is sent as a deletion.
type Encode func(liveblog.Event) (name string, data []byte, err error)

// Frame is an event as readers get it. All readers of a node share it, and it never
// changes.
type Frame struct {
	Seq   int64
	Chain liveblog.Chain
	Name  string
	Data  []byte // JSON

	wire                         // the server-sent event; empty in a stripped frame
	receipt atomic.Pointer[wire] // the same under an id that is a receipt
	content *content
	event   liveblog.EventType
	subject uuid.UUID
	at      int64 // Unix nanoseconds of the commit
}

// newFrame makes the frame of an event. unshared says that no other frame has the
// same content: then the frame is compressed as a whole.
func newFrame(ev liveblog.Event, c *content, unshared bool) *Frame {
	f := &Frame{Seq: ev.Seq, Chain: ev.Chain, event: ev.Type, subject: subject(ev), at: ev.At.UnixNano()}
	return f.encode(c, unshared)
}

// encode adds the bytes to a stripped frame.
func (f *Frame) encode(c *content, unshared bool) *Frame {
	f.content, f.Name = c, c.eventName(f.event)
	f.wire.encode(f, number(f.Seq))
	if unshared {
		f.shared = nil
	}
	f.Data = f.plain[len(f.plain)-f.data : len(f.plain)-len(eventEnd)]
	return f
}

// stripped is the frame without its bytes: only what identifies the event.
func (f *Frame) stripped() *Frame {
	return &Frame{Seq: f.Seq, Chain: f.Chain, event: f.event, subject: f.subject, at: f.at}
}

func (f *Frame) isStripped() bool { return f.plain == nil }

// subject is the post that an event is about, or the zero id for the blog itself.
func subject(ev liveblog.Event) uuid.UUID {
	if ev.PostID == nil {
		return uuid.Nil
	}
	return *ev.PostID
}

// bytesFor are the bytes of the frame as a subscriber wants them.
func (f *Frame) bytesFor(s *Subscriber) []byte {
	if s.receipts {
		return f.withReceipt().bytes(s.compressed, s.chunked)
	}
	return f.bytes(s.compressed, s.chunked)
}

// readyFor reports whether the bytes that a subscriber wants are encoded.
func (f *Frame) readyFor(s *Subscriber) bool {
	w := &f.wire
	if s.receipts {
		if w = f.receipt.Load(); w == nil {
			return false
		}
	}
	return w.plain != nil && (!s.compressed || w.compressed.Load() != nil)
}

// withReceipt is the frame under an id that is a receipt.
func (f *Frame) withReceipt() *wire {
	if w := f.receipt.Load(); w != nil {
		return w
	}
	w := &wire{}
	w.encode(f, receipt(f.Seq, f.Chain))
	f.receipt.CompareAndSwap(nil, w)
	return f.receipt.Load()
}

// encode writes the frame's event under an id.
func (w *wire) encode(f *Frame, id string) {
	const headRoom = 160 // bytes of all but the content
	b := appendHead(make([]byte, chunkRoom, chunkRoom+headRoom+len(f.content.tail)), f.Name, id)
	head := len(b)
	b = f.content.appendData(b, f.Seq, f.Chain)
	w.data, w.shared = len(b)-head, f.content
	w.chunked, w.plain = chunk(b)
}

// noID leaves the id line out, so that the browser's last event id stays
// (WHATWG HTML, server-sent events, "id" field).
const noID = ""

// number is the ordinary id of an event.
func number(seq int64) string { return strconv.FormatInt(seq, 10) }

// receipt is an id that names the history as well. It is noID where the chain is not
// known.
func receipt(seq int64, chain liveblog.Chain) string {
	if chain == "" {
		return noID
	}
	return number(seq) + "." + string(chain)
}

// appendEvent appends one event in the format of WHATWG HTML, section 9.2.6. name is
// one of our constants and data one line of JSON: neither can contain CR, LF or NUL,
// since JSON escapes them.
func appendEvent(b []byte, name, id string, data []byte) []byte {
	return append(append(appendHead(b, name, id), data...), eventEnd...)
}

// eventEnd ends the data and the event.
const eventEnd = "\n\n"

// appendHead appends an event up to its data.
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
