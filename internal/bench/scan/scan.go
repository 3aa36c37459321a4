// Package scan reads streams of server-sent events for very many readers at once:
// without allocations, and of each event only what a reader compares.
package scan

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// Marker begins the moment at which a post was sent, in its title: decimal
// nanoseconds of the machine's monotonic clock follow.
const Marker = "mono-ns-"

// maxHead bounds the head of an answer, in bytes.
const maxHead = 16 << 10

// Kind is what an event of the stream means to a reader.
type Kind uint8

// Kinds of events.
const (
	Logged Kind = iota // it has a number in the blog's log
	Hello
	Reset
	Other
)

// Event is what a reader needs of one server-sent event.
type Event struct {
	Kind  Kind
	ID    int64 // -1 without an id line of Digits
	Stamp int64 // ns of the monotonic clock, 0 without a Marker
}

// Scanner reads one answer as it arrives: its head, its framing, and of its
// lines just what a reader compares. It keeps no bytes: what is not a whole line
// yet is given back and comes again before the next bytes.
type Scanner struct {
	Status  int   // of the answer, 0 until its head is there
	Retry   int   // ms, of the last retry field; -1 before
	Greeted bool  // there was an event
	left    int64 // bytes of the answer, if its head says; otherwise -1
	chunked bool
	chunk   chunk

	now  Event // that is being read
	data bool  // it has a data line
}

// New makes a scanner that waits for the head of an answer.
func New() Scanner { return Scanner{Retry: -1, left: -1, now: Event{ID: -1}} }

var errAnswer = errors.New("not an answer of a stream")

// Feed reads data, whose first kept bytes were given back by the call before,
// and appends the events that it completes. It gives back what is not complete.
func (s *Scanner) Feed(data []byte, kept int, events []Event) (rest []byte, _ []Event, err error) {
	if s.Status == 0 {
		if data, err = s.head(data); err != nil || s.Status == 0 {
			return data, events, err
		}
		kept = 0
	}
	if s.chunked {
		n, err := s.chunk.unwrap(data[kept:])
		if err != nil {
			return nil, events, err
		}
		data = data[:kept+n]
	} else if s.left >= 0 {
		s.left = max(0, s.left-int64(len(data)-kept))
	}
	for {
		end := bytes.IndexByte(data, '\n')
		if end < 0 {
			return data, events, nil
		}
		if s.line(bytes.TrimSuffix(data[:end], []byte("\r"))) {
			events = append(events, s.now)
			s.Greeted = true
			s.now, s.data = Event{ID: -1}, false
		}
		data = data[end+1:]
	}
}

// head reads the head of the answer once it is whole, and returns what follows.
func (s *Scanner) head(data []byte) (body []byte, err error) {
	head, body, whole := bytes.Cut(data, []byte("\r\n\r\n"))
	if !whole {
		if len(data) > maxHead {
			return nil, fmt.Errorf("%w: a head of more than %d bytes", errAnswer, maxHead)
		}
		return data, nil
	}
	if len(head) < len("HTTP/1.1 200") || !bytes.HasPrefix(head, []byte("HTTP/1.1 ")) {
		return nil, fmt.Errorf("%w: it begins with %.40q", errAnswer, head)
	}
	if s.Status, err = strconv.Atoi(string(head[9:12])); err != nil {
		return nil, fmt.Errorf("%w: status %.40q", errAnswer, head)
	}
	head = bytes.ToLower(head)
	s.chunked = bytes.Contains(head, []byte("transfer-encoding: chunked"))
	if _, length, told := bytes.Cut(head, []byte("\r\ncontent-length:")); told {
		s.left = Digits(bytes.TrimLeft(length, " "))
	}
	return body, nil
}

// Over is whether the answer has ended, though the connection may stay.
func (s *Scanner) Over() bool {
	return s.chunked && s.chunk.part == inTrailer || !s.chunked && s.left == 0
}

// line reads one line of the stream and reports whether it ends an event that
// has data (WHATWG HTML, section 9.2.6; a lone CR as a line's end is not known).
func (s *Scanner) line(line []byte) (complete bool) {
	if len(line) == 0 {
		if !s.data {
			s.now = Event{ID: -1}
		}
		return s.data
	}
	switch name, value := field(line); name {
	case 'd':
		s.data = true
		if at := bytes.Index(value, []byte(Marker)); at >= 0 && s.now.Stamp == 0 {
			s.now.Stamp = max(0, Digits(value[at+len(Marker):]))
		}
	case 'i':
		s.now.ID = Digits(value)
	case 'e':
		s.now.Kind = kindOf(value)
	case 'r':
		s.Retry = int(Digits(value))
	}
	return false
}

// field returns the first letter of the line's field, if we know it, and its value.
func field(line []byte) (name byte, value []byte) {
	for _, known := range [...]string{"data:", "id:", "event:", "retry:"} {
		if len(line) >= len(known) && string(line[:len(known)]) == known {
			return known[0], bytes.TrimPrefix(line[len(known):], []byte(" "))
		}
	}
	return 0, nil
}

func kindOf(name []byte) Kind {
	switch string(name) {
	case "hello":
		return Hello
	case "reset":
		return Reset
	case "views", "ping", "end", "bye":
		return Other
	}
	return Logged
}

// Digits reads the number that b begins with; -1 if there is none.
func Digits(b []byte) int64 {
	n := int64(-1)
	for _, c := range b {
		if c < '0' || c > '9' || n > math.MaxInt64/10-1 {
			break
		}
		n = max(n, 0)*10 + int64(c-'0')
	}
	return n
}

// chunk is where a reader is in the chunked coding (RFC 9112, section 7.1).
type chunk struct {
	left int64 // bytes of data to come
	size int64 // of the next chunk, as far as its line is read
	part chunkPart
}

type chunkPart uint8

const (
	inSize chunkPart = iota
	inExtension
	inData
	afterData
	inTrailer
)

// unwrap moves the data in b to its front and returns its size.
func (c *chunk) unwrap(b []byte) (n int, err error) {
	for i := 0; i < len(b); i++ {
		if c.part == inData {
			size := int(min(c.left, int64(len(b)-i)))
			n += copy(b[n:], b[i:i+size])
			i += size - 1
			if c.left -= int64(size); c.left == 0 {
				c.part = afterData
			}
			continue
		}
		if err := c.control(b[i]); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// control reads one byte that is not data.
func (c *chunk) control(b byte) error {
	switch {
	case c.part == inTrailer:
	case b == '\n' && c.part == afterData:
		c.part, c.size = inSize, 0
	case b == '\n':
		if c.left, c.part = c.size, inData; c.size == 0 {
			c.part = inTrailer
		}
	case b == '\r' || c.part == inExtension:
	case b == ';' && c.part == inSize:
		c.part = inExtension
	default:
		digit := bytes.IndexByte([]byte("0123456789abcdef"), b|0x20)
		if c.part != inSize || c.size >= 1<<40 || (digit < 0 && (b < '0' || b > '9')) {
			return fmt.Errorf("%w: chunked coding", errAnswer)
		}
		c.size = c.size<<4 | int64(digit)
	}
	return nil
}
