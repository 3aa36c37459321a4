package stream

import (
	"fmt"
	"runtime/debug"
	"strconv"
	"sync"

	"dateline/internal/liveblog"
)

// content is a post, or the blog itself, as it is now. It is encoded once per
// version and shared by all events of the post: each frame copies the same bytes
// behind its own name, number and chain.
type content struct {
	deleted bool
	tail    []byte // the JSON object without its first brace, and the end of the event

	once       sync.Once
	compressed []byte // tail in deflate blocks
}

// newContent encodes the subject of an event. A text that makes the encoding panic
// stops its own blog, but not this node, and after it the next one.
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
	return &content{deleted: name == string(liveblog.EventDelete), tail: append(tail, eventEnd...)}, nil
}

// eventName is the name under which an event of a type sends the content.
func (c *content) eventName(event liveblog.EventType) string {
	if c.deleted {
		return string(liveblog.EventDelete)
	}
	return string(event)
}

// blocks is the tail in deflate blocks of its own, compressed once for all frames.
func (c *content) blocks() []byte {
	c.once.Do(func() { c.compressed = deflate(nil, c.tail) })
	return c.compressed
}

// appendData appends the content as the data of an event, and the event's end.
func (c *content) appendData(b []byte, seq int64, chain liveblog.Chain) []byte {
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
