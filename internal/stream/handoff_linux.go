package stream

import (
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"dateline/internal/listen"

	"golang.org/x/sys/unix"
)

// handOff hands a reader over to the fast path, which needs neither the goroutine nor
// the buffers of net/http, and reports whether it did. A connection that can't be
// handed over is unchanged.
func (h *Hub) handOff(w http.ResponseWriter, r *http.Request, s *Subscriber, first []byte, prefix netip.Prefix) bool {
	c := listen.ConnOf(r)
	if len(h.loops) == 0 || c == nil || r.ProtoMajor != 1 {
		return false
	}
	fd, release, err := c.Detach()
	if err != nil {
		return false
	}
	n := newConn{sub: *s, prefix: prefix, fd: fd, release: release, buffer: openings.Get().(*[openingSize]byte)}
	n.sub.chunked = r.ProtoAtLeast(1, 1)
	n.first = n.sub.opening(n.buffer[:0], w.Header(), first, r.Close)
	clear(w.Header()) // otherwise net/http writes it to the connection that is closed
	l := h.loops[0]
	for _, other := range h.loops[1:] {
		if other.count.Load() < l.count.Load() {
			l = other
		}
	}
	l.count.Add(1)
	if !l.enqueue(func() { l.incoming = append(l.incoming, n) }) {
		l.count.Add(-1)
		unix.Close(fd)
		h.releaseReader(s.topic, prefix, release, reasonDraining)
	}
	return true
}

// openingSize is more than a stream's head and greeting take, in bytes.
const openingSize = 2 << 10

// openings are buffers for the openings of streams, which would be a quarter of all
// garbage in a storm.
var openings = sync.Pool{New: func() any { return new([openingSize]byte) }}

// opening appends what a stream begins with: its head and its first piece. For
// HTTP/1.0 it is the head of a response that ends with its connection (RFC 9112,
// section 6.3, item 8), and so it is for a client that asks to close the connection.
// The values of the stream's own fields take the place of those in header.
func (s *Subscriber) opening(b []byte, header http.Header, first []byte, close bool) []byte {
	b = append(b, "HTTP/1.1 200 OK\r\n"...)
	for _, f := range s.fields() {
		delete(header, f.name)
		b = appendField(b, f.name, f.value)
	}
	if s.chunked {
		b = appendField(b, "Transfer-Encoding", "chunked")
	}
	if close || !s.chunked {
		b = appendField(b, closing.name, closing.value)
	}
	b = appendField(b, "Date", httpDate(time.Now()))
	// The order of fields is free. To sort them, as http.Header.Write does, would
	// double the time that a stream's head takes.
	for name, values := range header {
		for _, v := range values {
			b = appendField(b, name, oneLine(v))
		}
	}
	b = append(b, "\r\n"...)
	return append(b, s.chunk(first)...)
}

func appendField(b []byte, name, value string) []byte {
	b = append(append(b, name...), ": "...)
	return append(append(b, value...), "\r\n"...)
}

var lineEnds = strings.NewReplacer("\r", " ", "\n", " ")

// oneLine keeps a value from ending its field (RFC 9112, section 11.1).
func oneLine(value string) string {
	if strings.IndexByte(value, '\r') < 0 && strings.IndexByte(value, '\n') < 0 {
		return value
	}
	return lineEnds.Replace(value)
}

// formattedSecond is a second and its date in the format of HTTP.
type formattedSecond struct {
	unix int64
	date string
}

// lastSecond is the second that was formatted last.
var lastSecond atomic.Pointer[formattedSecond]

// httpDate is a time in the format of HTTP (RFC 9110, section 5.6.7). All streams
// that begin in the same second share one string.
func httpDate(now time.Time) string {
	s := lastSecond.Load()
	if s == nil || s.unix != now.Unix() {
		s = &formattedSecond{now.Unix(), now.UTC().Format(http.TimeFormat)}
		lastSecond.Store(s)
	}
	return s.date
}
