package bench

import (
	"net/netip"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"dateline/internal/bench/scan"
)

// state is where a reader's connection is.
type state uint8

const (
	away state = iota
	connecting
	asked // the request is sent
	open  // the head of the answer is there, with status 200
)

const (
	// reconnectDelay is used when the server sent no retry field, in ns.
	reconnectDelay = 1e9
	// small is the receive buffer of slow and silent readers, in bytes: their
	// kernel shall not hide how slow they are.
	small = 2048
	// largeCarry is what a reader keeps of the buffer for the rest of an event, in bytes.
	largeCarry = 4 << 10
	// sipTime is how often slow readers read, in ns.
	sipTime = 100e6
)

// reader is one client of the stream.
type reader struct {
	fd     int32
	state  state
	guest  bool // it does not come back after a drop
	whole  bool // it has reached the storm's head
	node   uint16
	source netip.Addr // the zero address leaves it to the system
	sip    int        // bytes a second; -1 is nothing, 0 all that comes
	book   ledger
	scan   scan.Scanner
	carry  []byte // the rest of the last read
}

func newReader(o order, number int) reader {
	r := reader{node: uint16(number % len(o.Nodes)), sip: o.Sip, guest: o.Guest || o.Sip != 0, book: ledger{last: o.After}, scan: scan.New()}
	if o.Sources > 0 {
		n := 1 + (number/len(o.Nodes))%o.Sources
		r.source = netip.AddrFrom4([4]byte{127, 0, byte(n >> 8), byte(n)})
	}
	return r
}

// connect starts a reader's connection.
func (c *worker) connect(i int32) {
	r := &c.readers[i]
	fd, err := c.socket(r, i)
	if err != nil {
		c.rejected(i)
		return
	}
	r.fd, r.state, r.carry = int32(fd), connecting, r.carry[:0]
	retry := r.scan.Retry
	r.scan = scan.New()
	r.scan.Retry = retry
	c.opening++
	switch err := unix.Connect(fd, sockaddr(netip.MustParseAddrPort(c.plan.Nodes[r.node]))); err {
	case nil:
		c.ask(i)
	case unix.EINPROGRESS:
		c.listenFor(i, unix.EPOLLOUT)
	default:
		c.rejected(i)
	}
}

// socket makes a socket that never waits, bound to the reader's address.
func (c *worker) socket(r *reader, i int32) (fd int, err error) {
	target := netip.MustParseAddrPort(c.plan.Nodes[r.node]).Addr()
	family := unix.AF_INET
	if target.Is6() {
		family = unix.AF_INET6
	}
	if fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		return 0, err
	}
	if r.sip != 0 {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, small) // else it is merely less slow
	}
	if r.source.IsValid() && target.Is4() {
		_ = unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1) // the port is chosen when the target is known
		err = unix.Bind(fd, sockaddr(netip.AddrPortFrom(r.source, 0)))
	}
	if err == nil {
		err = unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Fd: i})
	}
	if err != nil {
		unix.Close(fd)
	}
	return fd, err
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

func (c *worker) listenFor(i int32, what uint32) {
	ev := unix.EpollEvent{Events: what, Fd: i}
	_ = unix.EpollCtl(c.epoll, unix.EPOLL_CTL_MOD, int(c.readers[i].fd), &ev) // of a socket that is in the set
}

// ask sends the request, which an empty socket always takes as a whole.
func (c *worker) ask(i int32) {
	r := &c.readers[i]
	b := c.buffer[:0]
	b = append(b, "GET "...)
	b = append(b, c.plan.Path...)
	if r.book.last >= 0 {
		b = append(b, "?after="...)
		b = strconv.AppendInt(b, r.book.last, 10)
	}
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, c.plan.Host[r.node]...)
	b = append(b, "\r\nAccept: text/event-stream\r\nUser-Agent: dateline-bench\r\n\r\n"...)
	if _, err := unix.Write(int(r.fd), b); err != nil {
		c.rejected(i)
		return
	}
	r.state = asked
	c.listenFor(i, unix.EPOLLIN)
}

// handle is the kernel's word about a reader's socket.
func (c *worker) handle(ev unix.EpollEvent) {
	i := ev.Fd
	r := &c.readers[i]
	switch {
	case r.state == away: // closed since
	case r.state == connecting && ev.Events&(unix.EPOLLERR|unix.EPOLLHUP) != 0:
		c.rejected(i)
	case r.state == connecting:
		c.ask(i)
	case r.sip != 0 && r.state == open:
		if ev.Events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 {
			c.lost(i)
		}
	default:
		c.read(i, c.buffer)
	}
}

// read takes what has arrived for a reader, at most what is free of space.
func (c *worker) read(i int32, space []byte) {
	r := &c.readers[i]
	kept := copy(c.buffer, r.carry)
	//nolint:gosec // the buffer stays where it is during the call
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(r.fd), uintptr(unsafe.Pointer(unsafe.SliceData(space[kept:]))), uintptr(len(space)-kept), unix.MSG_DONTWAIT, 0, 0)
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return
	case errno != 0 || n == 0:
		c.lost(i)
		return
	}
	c.tally.Bytes += uint64(n)
	rest, events, err := r.scan.Feed(space[:kept+int(n)], kept, c.found[:0])
	c.found = events[:0]
	if r.keep(rest); err != nil || len(rest) > room/2 {
		c.lost(i)
		return
	}
	if r.state == asked && r.scan.Status != 0 {
		c.opened(i)
	}
	c.take(r, events, now())
	if r.scan.Over() {
		c.lost(i)
	}
}

// keep saves the rest of a read for the next one.
func (r *reader) keep(rest []byte) {
	if len(rest) == 0 && cap(r.carry) > largeCarry {
		r.carry = nil
	}
	r.carry = append(r.carry[:0], rest...)
}

// opened notes the head of an answer.
func (c *worker) opened(i int32) {
	r := &c.readers[i]
	if r.scan.Status != 200 {
		c.rejected(i)
		return
	}
	r.state = open
	c.opening--
	if r.sip != 0 {
		c.listenFor(i, 0)
	}
}

// take enters what came at a time into the reader's book and the worker's.
func (c *worker) take(r *reader, events []scan.Event, at int64) {
	if r.sip != 0 {
		return
	}
	for _, e := range events {
		switch {
		case e.Kind == scan.Reset:
			c.tally.Resets++
			r.book.last = max(e.ID, 0)
		case e.Kind == scan.Hello && r.book.last < 0:
			r.book.last = e.ID
		case e.Kind == scan.Logged && e.ID >= 0:
			r.book.enter(e.ID, &c.tally)
			c.clock(r, e, at)
		}
	}
	if c.current.Do == doStorm && !r.whole && r.book.last >= c.current.Head {
		r.whole = true
		c.whole.Add(at - c.current.At)
	}
}

// clock notes when an event arrived.
func (c *worker) clock(r *reader, e scan.Event, at int64) {
	if e.Stamp > 0 {
		c.latency.Add(at - e.Stamp)
	}
	if n := e.ID - c.base - 1; n >= 0 && n < int64(c.expect) {
		c.messages[int(r.node)*c.expect+int(n)].seen(at, e.Stamp)
	}
}

// lost handles a stream that ended or broke: the reader reconnects after the retry
// time that the server sent.
func (c *worker) lost(i int32) {
	r := &c.readers[i]
	switch {
	case r.state != open || !r.scan.Greeted:
		c.rejected(i)
		return
	case r.sip != 0:
		c.tally.Siege++
	default:
		c.tally.Closed++
	}
	c.away(i)
}

// rejected handles a reader that got no stream.
func (c *worker) rejected(i int32) {
	if c.readers[i].sip == 0 {
		c.tally.TurnedAway++
	}
	c.away(i)
}

// away closes a reader's connection and says when it comes back.
func (c *worker) away(i int32) {
	r := &c.readers[i]
	c.hangUp(r)
	wait := int64(reconnectDelay)
	if r.scan.Retry >= 0 {
		wait = int64(r.scan.Retry) * 1e6
	}
	c.waiting = append(c.waiting, appointment{now() + wait, i})
}

// hangUp resets a reader's connection, so that neither side keeps its port.
func (c *worker) hangUp(r *reader) {
	if r.state == away {
		return
	}
	if r.state != open {
		c.opening--
	}
	_ = unix.SetsockoptLinger(int(r.fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}) // else it ends by FIN
	unix.Close(int(r.fd))
	r.state, r.carry = away, nil
}

// sip lets slow readers read what their pace allows since the last time.
func (c *worker) sip(t int64) {
	if t-c.sipped < sipTime {
		return
	}
	for i := range c.readers {
		if r := &c.readers[i]; r.sip > 0 && r.state == open {
			c.read(int32(i), c.buffer[:len(r.carry)+max(1, r.sip/10)])
		}
	}
	c.sipped = t
}
