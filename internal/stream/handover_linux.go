package stream

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"time"

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

// adopt hands a reader over to the fast path, which needs neither the goroutine
// nor the buffers of net/http, and reports whether it did. What can't be handed
// over is left as it was and served on the portable path.
func (h *Hub) adopt(w http.ResponseWriter, r *http.Request, s *Subscriber, refused *reset, prefix netip.Prefix) bool {
	conn := connOf(r)
	if len(h.loops) == 0 || conn == nil || r.ProtoMajor != 1 {
		return false
	}
	first := s.opening(w.Header(), refused)
	if _, _, err := http.NewResponseController(w).Hijack(); err != nil {
		return false
	}
	leave := conn.retire()
	fd, err := conn.detach()
	if err != nil {
		h.letGo(s.topic, prefix, leave, "gone")
		return true
	}
	l := h.emptiest()
	l.count.Add(1)
	a := arrival{sub: *s, prefix: prefix, fd: fd, closed: leave, first: first}
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

// opening is what a stream begins with. Its head is that of an answer that ends
// with its connection (RFC 9112, section 6.3, item 8): frames need no framing of
// their own, so that all readers can share them.
func (s *Subscriber) opening(header http.Header, refused *reset) []byte {
	s.setHead(header)
	header.Set("Connection", "close")
	header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	b := append(make([]byte, 0, openingSize), "HTTP/1.1 200 OK\r\n"...)
	b = append(appendHeader(b, header), "\r\n"...)
	return append(b, greeting(s, refused)...)
}

// oneLine keeps a value from ending its field (RFC 9112, section 11.1).
var oneLine = strings.NewReplacer("\r", " ", "\n", " ")

// appendHeader appends the lines of a header, in no order: to sort them, as
// http.Header.Write does, takes as long as all else that is done for a stream's head.
func appendHeader(b []byte, header http.Header) []byte {
	for name, values := range header {
		for _, v := range values {
			b = append(append(b, name...), ": "...)
			b = append(append(b, oneLine.Replace(v)...), "\r\n"...)
		}
	}
	return b
}

// detach takes the socket from the connection and closes what Go keeps beside it:
// the poller's record, timers and buffers.
func (c *Conn) detach() (fd int, err error) {
	defer c.Conn.Close()
	socket, ok := c.Conn.(syscall.Conn)
	if !ok {
		return 0, fmt.Errorf("%T has no socket", c.Conn)
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0, err
	}
	keepShort(c.Conn)
	controlErr := raw.Control(func(s uintptr) { fd, err = unix.FcntlInt(s, unix.F_DUPFD_CLOEXEC, 0) })
	if controlErr != nil {
		return 0, controlErr
	}
	return fd, err
}
