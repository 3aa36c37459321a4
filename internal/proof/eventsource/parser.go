package eventsource

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
)

// Event is one dispatched event of a stream.
type Event struct {
	Name  string // "message" unless the stream says otherwise
	ID    string // the last event id at the dispatch
	HasID bool   // this event brought it
	Data  []byte // UTF-8; valid until the next call of Next
	Retry int    // the last reconnection time, in milliseconds; NoRetry before the first
}

// NoRetry is the reconnection time of a stream that has sent none.
const NoRetry = -1

// DefaultLimit is the longest line and the most data of one event, in bytes,
// unless Parser.SetLimit says otherwise.
const DefaultLimit = 16 << 20

// ErrTooLong is a line or an event's data beyond the limit.
var ErrTooLong = errors.New("eventsource: line or data beyond the limit")

const (
	firstBuffer   = 4 << 10
	mostNames     = 32 // event types kept as strings
	byteOrderMark = "\uFEFF"
)

// Parser turns the bytes of one stream into its events. An event is returned as soon
// as the line end that dispatches it has been read. It is used by one goroutine.
type Parser struct {
	r     io.Reader
	err   error // of r, returned once the buffer is used up
	limit int

	buf     []byte // read from r
	start   int    // of what is not parsed yet
	scanned int    // up to here no line end was found
	begun   bool   // the first line is behind us, and a byte order mark with it
	swallow bool   // a line ended with CR: an LF that follows belongs to it

	data         []byte // the data buffer: each line of data with an LF after it
	name         string // the event type buffer
	lastID       string // the last event id buffer
	hasID        bool
	dispatchedID string // the last event id of the event source: lastID at the last dispatch
	retry        int
	names        map[string]string
}

// NewParser returns a parser of the stream that r reads.
func NewParser(r io.Reader) *Parser {
	return &Parser{r: r, limit: DefaultLimit, retry: NoRetry, names: map[string]string{}}
}

// SetLimit sets the longest line and the most data of one event, in bytes.
func (p *Parser) SetLimit(n int) { p.limit = n }

// SetLastID sets the last event id that the stream is resumed with: events that
// bring none keep it, as in browsers.
func (p *Parser) SetLastID(id string) { p.lastID, p.dispatchedID = id, id }

// LastID is the id to resume with: that of the last dispatch, with data or without.
func (p *Parser) LastID() string { return p.dispatchedID }

// Retry is the last reconnection time that the stream sent, in milliseconds, or NoRetry.
func (p *Parser) Retry() int { return p.retry }

// Next returns the next event. At the end of the stream it returns io.EOF, and
// the reader's error if it broke; an event that was cut off is dropped.
func (p *Parser) Next() (Event, error) {
	p.data = p.data[:0]
	for {
		line, err := p.line()
		if err != nil {
			return Event{}, err
		}
		if len(line) > 0 {
			if err := p.field(line); err != nil {
				return Event{}, err
			}
			continue
		}
		if e, ok := p.dispatch(); ok {
			return e, nil
		}
	}
}

// line returns the next line without its end, which is CR, LF or CRLF.
func (p *Parser) line() ([]byte, error) {
	for {
		if line, ok := p.cut(); ok {
			return p.decode(line), nil
		}
		if len(p.buf)-p.start > p.limit {
			return nil, fmt.Errorf("line: %w", ErrTooLong)
		}
		if err := p.fill(); err != nil {
			return nil, err
		}
	}
}

// cut takes the next line off the buffer, if its end is there. A CR ends a line
// at once: to wait for what follows would keep an event back.
func (p *Parser) cut() ([]byte, bool) {
	if p.swallow && p.start < len(p.buf) {
		p.swallow = false
		if p.buf[p.start] == '\n' {
			p.start++
		}
	}
	p.scanned = max(p.scanned, p.start)
	end := lineEnd(p.buf[p.scanned:])
	if end < 0 {
		p.scanned = len(p.buf)
		return nil, false
	}
	end += p.scanned
	line := p.buf[p.start:end]
	p.swallow = p.buf[end] == '\r'
	p.start = end + 1
	return line, true
}

// lineEnd is the place of the first CR or LF, or negative.
func lineEnd(b []byte) int {
	lf := bytes.IndexByte(b, '\n')
	if lf >= 0 {
		b = b[:lf]
	}
	if cr := bytes.IndexByte(b, '\r'); cr >= 0 {
		return cr
	}
	return lf
}

// decode takes the byte order mark off the stream's first line, and turns what
// is not UTF-8 into replacement characters. No line end is part of a longer
// character, so line by line gives what the whole stream would.
func (p *Parser) decode(line []byte) []byte {
	if !p.begun {
		p.begun = true
		line = bytes.TrimPrefix(line, []byte(byteOrderMark))
	}
	return toUTF8(line)
}

// fill reads more. What is parsed makes room, and only then the buffer grows.
func (p *Parser) fill() error {
	if p.err != nil {
		return p.err
	}
	if p.start > 0 {
		n := copy(p.buf, p.buf[p.start:])
		p.scanned = max(0, p.scanned-p.start)
		p.buf, p.start = p.buf[:n], 0
	}
	if len(p.buf) == cap(p.buf) {
		p.buf = append(make([]byte, 0, max(firstBuffer, 2*cap(p.buf))), p.buf...)
	}
	n, err := p.r.Read(p.buf[len(p.buf):cap(p.buf)])
	p.buf = p.buf[:len(p.buf)+n]
	p.err = err
	return nil
}

// field processes one line that is not empty.
func (p *Parser) field(line []byte) error {
	name, value, _ := bytes.Cut(line, []byte(":"))
	if len(value) > 0 && value[0] == ' ' {
		value = value[1:]
	}
	switch string(name) {
	case "event":
		p.name = p.intern(value)
	case "data":
		if len(p.data)+len(value) > p.limit {
			return fmt.Errorf("data: %w", ErrTooLong)
		}
		p.data = append(append(p.data, value...), '\n')
	case "id":
		if bytes.IndexByte(value, 0) < 0 {
			p.lastID, p.hasID = string(value), true
		}
	case "retry":
		if ms, ok := digits(value); ok {
			p.retry = ms
		}
	}
	return nil
}

// dispatch ends an event. One without data moves the last event id and is none.
func (p *Parser) dispatch() (Event, bool) {
	p.dispatchedID = p.lastID
	e := Event{Name: p.name, ID: p.lastID, HasID: p.hasID, Retry: p.retry}
	p.name, p.hasID = "", false
	if len(p.data) == 0 {
		return Event{}, false
	}
	e.Data = p.data[:len(p.data)-1]
	if e.Name == "" {
		e.Name = "message"
	}
	return e, true
}

// intern is b as a string. A stream has few event types, and they come again.
func (p *Parser) intern(b []byte) string {
	if name, ok := p.names[string(b)]; ok {
		return name
	}
	name := string(b)
	if len(p.names) < mostNames {
		p.names[name] = name
	}
	return name
}

// digits is the number that ASCII digits alone make, at most math.MaxInt32.
func digits(b []byte) (n int, ok bool) {
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = min(n*10+int(c-'0'), math.MaxInt32)
	}
	return n, len(b) > 0
}
