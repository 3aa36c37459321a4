package stream

import (
	"fmt"
	"runtime/debug"
	"strconv"
	"sync"

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
// Data is one line of JSON. The name may differ from the event's type: any event
// of a post that is removed by now is told as a deletion.
type Encode func(liveblog.Event) (name string, data []byte, err error)

// Frame is an event as readers get it. Frames are shared by all readers of a
// node and never change.
type Frame struct {
	Seq   int64
	Chain liveblog.Chain
	Name  string
	Data  []byte // JSON

	wire             // the event in the format of server-sent events, its end included
	receipt wireOnce // the same under an id that is a receipt
	event   liveblog.EventType
	subject uuid.UUID
	at      int64 // Unix nanoseconds of the commit
}

// newFrame renders an event once, for all. A text that makes the rendering panic
// keeps its own blog waiting; it must not end the node, and then the next one.
func newFrame(ev liveblog.Event, encode Encode) (f *Frame, err error) {
	defer func() {
		if p := recover(); p != nil {
			f, err = nil, fmt.Errorf("render event %d of blog %s: panic: %v\n%s", ev.Seq, ev.BlogID, p, debug.Stack())
		}
	}()
	name, data, err := encode(ev)
	if err != nil {
		return nil, err
	}
	whole, sse := chunk(appendEvent(make([]byte, sizeRoom, sizeRoom+len(data)+len(name)+40), name, number(ev.Seq), data))
	body := sse[len(sse)-2-len(data) : len(sse)-2]
	return &Frame{Seq: ev.Seq, Chain: ev.Chain, Name: name, Data: body, wire: wire{plain: sse, whole: whole}, event: ev.Type, subject: subject(ev), at: ev.At.UnixNano()}, nil
}

// subject is the post that an event is about, or the zero id for the blog itself.
func subject(ev liveblog.Event) uuid.UUID {
	if ev.PostID == nil {
		return uuid.Nil
	}
	return *ev.PostID
}

// wireOnce is a form of a frame that is made when the first reader wants it.
type wireOnce struct {
	once sync.Once
	wire
}

// to gives the frame as a reader wants it.
func (f *Frame) to(s *Subscriber) []byte {
	if !s.receipts {
		return f.as(s.compressed, s.chunked)
	}
	f.receipt.once.Do(func() {
		id := receipt(f.Seq, f.Chain)
		f.receipt.whole, f.receipt.plain = chunk(appendEvent(make([]byte, sizeRoom, sizeRoom+len(f.Data)+80), f.Name, id, f.Data))
	})
	return f.receipt.as(s.compressed, s.chunked)
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
	b = append(b, "event: "...)
	b = append(b, name...)
	if id != noID {
		b = append(b, "\nid: "...)
		b = append(b, id...)
	}
	b = append(b, "\ndata: "...)
	b = append(b, data...)
	return append(b, "\n\n"...)
}

// retryLine sets how long EventSource waits before it reconnects, in milliseconds.
func retryLine(milliseconds int) []byte {
	return fmt.Appendf(nil, "retry: %d\n\n", milliseconds)
}
