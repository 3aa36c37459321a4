package stream

import (
	"fmt"
	"runtime/debug"
	"strconv"
	"sync"

	"dateline/internal/liveblog"
)

// content is what a post, or the blog itself, is as of now. It is encoded once per
// version, and all events of the post tell it: each frame is a copy of the same
// bytes behind its own name, number and chain.
type content struct {
	gone bool
	tail []byte // its JSON object behind the first brace, and the end of the event

	once   sync.Once
	packed []byte // tail in deflate blocks
}

// newContent encodes what an event is about. A text that makes the encoding panic
// keeps its own blog waiting; it must not end the node, and then the next one.
func newContent(ev liveblog.Event, encode Encode) (c *content, err error) {
	defer func() {
		if p := recover(); p != nil {
			c, err = nil, fmt.Errorf("render event %d of blog %s: panic: %v\n%s", ev.Seq, ev.BlogID, p, debug.Stack())
		}
	}()
	name, data, err := encode(ev)
	if err != nil {
		return nil, fmt.Errorf("encode event %d: %w", ev.Seq, err)
	}
	tail := append(make([]byte, 0, len(data)+len(eventEnd)), data[1:]...)
	return &content{gone: name == string(liveblog.EventDelete), tail: append(tail, eventEnd...)}, nil
}

// nameOf is the name under which an event of a type tells the content.
func (c *content) nameOf(event liveblog.EventType) string {
	if c.gone {
		return string(liveblog.EventDelete)
	}
	return string(event)
}

// blocks is the tail in deflate blocks of its own, made once for all frames.
func (c *content) blocks() []byte {
	c.once.Do(func() { c.packed = deflate(nil, c.tail) })
	return c.packed
}

// appendTold appends the content as the data of an event, and the event's end.
func (c *content) appendTold(b []byte, seq int64, chain liveblog.Chain) []byte {
	b = append(b, `{"seq":`...)
	b = strconv.AppendInt(b, seq, 10)
	if chain != "" {
		b = append(append(append(b, `,"chain":"`...), chain...), '"')
	}
	if c.tail[0] != '}' {
		b = append(b, ',')
	}
	return append(b, c.tail...)
}
