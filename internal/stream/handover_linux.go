package stream

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"dateline/internal/listen"

	"golang.org/x/sys/unix"
)

// UseFastPath makes the hub serve readers over plain HTTP/1.1 by so many loops,
// one per core, instead of a goroutine each. It is called before Run.
func (h *Hub) UseFastPath(loops int) error {
	for range loops {
		l, err := newLoop(h)
		if err != nil {
			return fmt.Errorf("fast path: %w", err)
		}
		h.loops = append(h.loops, l)
	}
	return nil
}

// startLoops runs the loops; stop ends them and waits.
func (h *Hub) startLoops() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, l := range h.loops {
		running.Go(func() { l.run(ctx) })
	}
	return func() { cancel(); running.Wait() }
}

// wakeLoops lets the loops look whether the node is leaving: one whose readers are
// silent sleeps for seconds.
func (h *Hub) wakeLoops() {
	for _, l := range h.loops {
		l.ring(func() {})
	}
}

// adopt hands a reader over to the fast path, which needs neither the goroutine
// nor the buffers of net/http, and reports whether it did. What can't be handed
// over is left as it was and served on the portable path.
func (h *Hub) adopt(w http.ResponseWriter, r *http.Request, s *Subscriber, first []byte, prefix netip.Prefix) bool {
	conn := listen.ConnOf(r)
	if len(h.loops) == 0 || conn == nil || r.ProtoMajor != 1 {
		return false
	}
	fd, leave, err := conn.Detach()
	if err != nil {
		return false
	}
	a := arrival{sub: *s, prefix: prefix, fd: fd, closed: leave, buffer: openings.Get().(*[openingSize]byte)}
	a.sub.chunked = r.ProtoAtLeast(1, 1)
	a.first = a.sub.opening(a.buffer[:0], w.Header(), first, r.Close)
	clear(w.Header()) // or net/http would write it once more, to a connection that is closed
	l := h.emptiest()
	l.count.Add(1)
	if !l.ring(func() { l.arrived = append(l.arrived, a) }) {
		l.count.Add(-1)
		unix.Close(fd)
		h.letGo(s.topic, prefix, leave, nameBye)
	}
	return true
}

// letGo counts a reader out whose connection is closed.
func (h *Hub) letGo(t *topic, prefix netip.Prefix, closed func(), reason string) {
	t.join(-1)
	h.limits.release(t.blogID, prefix)
	closed()
	h.metrics.Closed(reason)
}

func (h *Hub) emptiest() *loop {
	best := h.loops[0]
	for _, l := range h.loops[1:] {
		if l.count.Load() < best.count.Load() {
			best = l
		}
	}
	return best
}

// openingSize is more than a stream's head and greeting take, in bytes.
const openingSize = 2 << 10

// openings are the buffers of what streams begin with. In a storm they would be a
// quarter of all garbage.
var openings = sync.Pool{New: func() any { return new([openingSize]byte) }}

// opening appends what a stream begins with. For HTTP/1.0 its head is that of an
// answer that ends with its connection (RFC 9112, section 6.3, item 8), and so it is
// told to one who asks for that. The fields of a stream are taken from header, if it
// has them.
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
	b = appendField(b, "Date", date(time.Now()))
	b = append(appendHeader(b, header), "\r\n"...)
	return append(b, s.framed(first)...)
}

// second is a second's date as it is written.
type second struct {
	unix int64
	date string
}

// latest is the second that was last written.
var latest atomic.Pointer[second]

// date is a time as HTTP writes it (RFC 9110, section 5.6.7), in one text for all
// streams that begin in the same second.
func date(now time.Time) string {
	s := latest.Load()
	if s == nil || s.unix != now.Unix() {
		s = &second{now.Unix(), now.UTC().Format(http.TimeFormat)}
		latest.Store(s)
	}
	return s.date
}

var lineEnds = strings.NewReplacer("\r", " ", "\n", " ")

// oneLine keeps a value from ending its field (RFC 9112, section 11.1).
func oneLine(value string) string {
	if strings.IndexByte(value, '\r') < 0 && strings.IndexByte(value, '\n') < 0 {
		return value
	}
	return lineEnds.Replace(value)
}

// appendHeader appends the lines of a header, in no order: to sort them, as
// http.Header.Write does, takes as long as all else that is done for a stream's head.
func appendHeader(b []byte, header http.Header) []byte {
	for name, values := range header {
		for _, v := range values {
			b = appendField(b, name, oneLine(v))
		}
	}
	return b
}

func appendField(b []byte, name, value string) []byte {
	b = append(append(b, name...), ": "...)
	return append(append(b, value...), "\r\n"...)
}
