package stream

import (
	"context"
	"errors"
	"net/netip"
	"syscall"
	"unsafe"

	"dateline/internal/listen"
	"dateline/internal/liveblog"

	"golang.org/x/sys/unix"
)

// conn is what the fast path keeps of a reader: its cursor and its socket. Everything
// else is shared. It belongs to one loop. What a delivery uses comes first, in two
// lines of the processor's cache.
type conn struct {
	sub     Subscriber
	release func()   // frees what the connection held beside its socket; nil for a free conn
	unsent  []byte   // to write before anything else: the end of a frame that was written in part, or a frame of this reader alone
	page    []*Frame // of the log, for a reader behind the ring

	fd          int32
	sent        uint32 // the tick of the last write
	blocked     bool   // the socket is full: epoll reports when it takes bytes again
	fetching    bool   // a page is being read
	awaitsRetry bool   // a page could not be read, since the database is away
	ending      ending // closes the connection once unsent is written
	deadline    deadline

	index     int32
	tag       uint32 // tells apart the connections that used this index one after the other
	place     int32  // in the list of its group
	silence   uint32 // how many ticks without a write make a heartbeat due
	goodbyeAt uint32 // the tick of the goodbye, while the node drains
	progress  connProgress
	prefix    netip.Prefix // of the client, for the limits
}

// ending is why a connection will be closed.
type ending uint8

const (
	stillOpen ending = iota
	endsWithBlog
	endsForDrain
)

// reason is the ending for the metrics.
func (e ending) reason() string {
	if e == endsWithBlog {
		return reasonEnded
	}
	return reasonDraining
}

// connProgress observes a blocked connection, as listen.Conn does on the portable path.
type connProgress struct {
	observed    bool
	began, last uint32 // ticks: when the observation began, and of the last progress
	unacked     int32  // bytes that the client's kernel had not acknowledged at the last check
}

func (c *conn) open() bool { return c.release != nil }

// add takes a connection into the loop and writes what is due to it.
func (l *loop) add(n newConn) {
	i := l.freeIndex()
	c := &l.conns[i]
	l.tags++
	*c = conn{sub: n.sub, prefix: n.prefix, release: n.release, unsent: n.first, fd: int32(n.fd), index: i, tag: l.tags, sent: l.clock}
	g := l.groupOf(n.sub.topic)
	c.silence = ticks(jittered(heartbeat))
	c.place = int32(len(g.conns))
	g.conns = append(g.conns, i)
	l.schedule(c)
	// A client sends nothing on a stream, so that its bytes are not waited for.
	ev := unix.EpollEvent{Events: unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET, Fd: i, Pad: int32(c.tag)}
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, n.fd, &ev); err != nil {
		l.close(c, reasonDisconnected)
		return
	}
	if l.draining {
		l.scheduleGoodbye(c)
	}
	l.serve(i)
	if len(l.conns[i].unsent) == 0 {
		openings.Put(n.buffer)
	}
}

func (l *loop) freeIndex() int32 {
	if n := len(l.free); n > 0 {
		i := l.free[n-1]
		l.free = l.free[:n-1]
		return i
	}
	l.conns = append(l.conns, conn{})
	l.wheel.grow(len(l.conns))
	return int32(len(l.conns) - 1)
}

// find is the connection with an index and a tag, or nil if it was closed.
func (l *loop) find(index int32, tag uint32) *conn {
	if int(index) >= len(l.conns) {
		return nil
	}
	if c := &l.conns[index]; c.open() && c.tag == tag {
		return c
	}
	return nil
}

// handle takes an event of epoll.
func (l *loop) handle(ev unix.EpollEvent) {
	if ev.Fd == none {
		var count [8]byte
		_, _ = unix.Read(l.wake, count[:]) // empties the eventfd
		return
	}
	c := l.find(ev.Fd, uint32(ev.Pad))
	switch {
	case c == nil: // closed meanwhile
	case ev.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0:
		l.close(c, reasonDisconnected)
	case c.blocked:
		c.blocked = false
		l.serve(ev.Fd)
	}
}

// serve writes what is due to a connection, as far as its socket takes it.
func (l *loop) serve(i int32) {
	if l.served++; l.served%clockEvery == 0 {
		l.readClock()
	}
	for {
		c := &l.conns[i]
		if !c.open() || c.blocked {
			return
		}
		if c.ending != stillOpen && len(c.unsent) == 0 {
			l.close(c, c.ending.reason())
			return
		}
		if !l.write(c) {
			return
		}
	}
}

// write writes what is due: the unsent bytes, and then the rest of a page of the log
// or the batch of the ring. It reports whether more may be due now.
func (l *loop) write(c *conn) bool {
	if c.ending != stillOpen || len(c.page) > 0 || c.fetching || c.awaitsRetry {
		return l.writePage(c)
	}
	b := l.shared.peek(&c.sub)
	n, err := l.send(c, b.buffers)
	if err != 0 {
		l.close(c, reasonDisconnected)
		return false
	}
	l.deliveries.add(l.hub.metrics, c.sub.advance(b, n), b.newest)
	switch {
	case n < len(b.buffers): // the socket is full
	case b.over:
		c.ending = endsWithBlog
		return true
	case b.behind:
		l.fetchPage(c)
	}
	return false
}

// writePage writes what is left of a page of the log. A connection that waits for a
// page, or for its end, gets only its unsent bytes.
func (l *loop) writePage(c *conn) bool {
	buffers := l.buffers[:0]
	for _, f := range c.page {
		buffers = append(buffers, f.bytesFor(&c.sub))
	}
	l.buffers = buffers[:0]
	n, err := l.send(c, buffers)
	if err != 0 {
		l.close(c, reasonDisconnected)
		return false
	}
	if n > 0 {
		c.sub.moveTo(c.page[n-1])
		l.hub.metrics.Delivered(n)
	}
	if c.page = c.page[n:]; len(c.page) > 0 {
		return false
	}
	c.page = nil
	return !c.fetching && !c.awaitsRetry && len(c.unsent) == 0
}

// fetchPage reads the next page of the log, in another goroutine.
func (l *loop) fetchPage(c *conn) {
	c.fetching = true
	p := pageResult{index: c.index, tag: c.tag, sub: c.sub}
	started := l.hub.spawn(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, stallTimeout)
		defer cancel()
		p.frames, p.refused, p.err = p.sub.readPage(ctx)
		l.enqueue(func() { l.pages = append(l.pages, p) })
	})
	if !started {
		l.close(c, reasonDisconnected)
	}
}

// takePage continues a connection whose page was read.
func (l *loop) takePage(p pageResult) {
	c := l.find(p.index, p.tag)
	if c == nil {
		return
	}
	c.fetching = false
	switch {
	case errors.Is(p.err, liveblog.ErrUnavailable): // the stream outlives the outage
		c.awaitsRetry = true
		l.schedule(c)
		return
	case p.err != nil:
		l.close(c, closeReason(p.err))
		return
	case p.refused != nil:
		c.sub = p.sub
		c.unsent = append(c.unsent, c.sub.wrap(c.sub.reset(*p.refused))...)
	default:
		c.page = p.frames
	}
	l.serve(c.index)
}

// maxBuffers is how many buffers one system call writes; the kernel's limit is 1024
// (IOV_MAX).
const maxBuffers = 512

// send writes the unsent bytes of a connection and then buffers, without waiting. It
// returns how many of the buffers were begun. When the socket is full the connection
// is blocked, and the end of a buffer that was written in part is unsent.
func (l *loop) send(c *conn, buffers [][]byte) (begun int, err syscall.Errno) {
	for {
		size := l.gather(c.unsent, buffers[begun:])
		if size == 0 {
			c.progress = connProgress{}
			return begun, 0
		}
		n, err := l.transmit(int(c.fd))
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			l.block(c, 0)
			return begun, 0
		case err != 0:
			return begun, err
		}
		c.sent = l.clock
		begun += c.skip(n, buffers[begun:])
		if n < size {
			l.block(c, n)
			if begun > 0 {
				c.progress.began = l.clock // the client takes whole frames: it is slow, but not dead
			}
			return begun, 0
		}
	}
}

// gather lists what to write next and returns its size in bytes.
func (l *loop) gather(unsent []byte, buffers [][]byte) (size int) {
	l.iov = l.iov[:0]
	if len(unsent) > 0 {
		l.iov = append(l.iov, unix.Iovec{Base: unsafe.SliceData(unsent), Len: uint64(len(unsent))})
		size = len(unsent)
	}
	for _, b := range buffers[:min(len(buffers), maxBuffers-1)] {
		l.iov = append(l.iov, unix.Iovec{Base: unsafe.SliceData(b), Len: uint64(len(b))})
		size += len(b)
	}
	return size
}

// transmit writes the listed buffers to the socket. The call never blocks, so that
// the scheduler need not know of it.
func (l *loop) transmit(fd int) (int, syscall.Errno) {
	const flags = unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL
	if len(l.iov) == 1 {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(l.iov[0].Base)), uintptr(l.iov[0].Len), flags, 0, 0)
		return int(n), errno
	}
	l.message.Iov = unsafe.SliceData(l.iov)
	l.message.SetIovlen(len(l.iov))
	n, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&l.message)), flags)
	return int(n), errno
}

// skip notes that n bytes were written and returns how many buffers they began.
func (c *conn) skip(n int, buffers [][]byte) (begun int) {
	skipped := min(n, len(c.unsent))
	if c.unsent, n = c.unsent[skipped:], n-skipped; len(c.unsent) == 0 {
		c.unsent = nil
	}
	for n > 0 {
		b := buffers[begun]
		begun++
		if n < len(b) {
			c.unsent = b[n:len(b):len(b)] // clipped, since it is shared: an append copies it
		}
		n -= min(n, len(b))
	}
	return begun
}

// block notes that the socket is full after it took n bytes.
func (l *loop) block(c *conn, n int) {
	if !c.progress.observed {
		c.progress = connProgress{observed: true, began: l.clock, last: l.clock}
	}
	if n > 0 {
		c.progress.last = l.clock
	}
	c.blocked = true
	l.schedule(c)
}

// stalled reports whether a blocked connection has used up its time, as listen.Conn
// decides on the portable path.
func (l *loop) stalled(c *conn) bool {
	unacked, err := unix.IoctlGetInt(int(c.fd), unix.SIOCOUTQ)
	if err != nil {
		return true
	}
	if int32(unacked) < c.progress.unacked {
		c.progress.last = l.clock
	}
	c.progress.unacked = int32(unacked)
	return l.clock-c.progress.last > ticks(stallTimeout) || l.clock-c.progress.began > listen.MaxSlowness*ticks(stallTimeout)
}

// close ends a connection and frees its place in the loop. Closing the socket takes
// it out of the epoll set.
func (l *loop) close(c *conn, reason string) {
	fd := int(c.fd)
	defer unix.Close(fd) // last: when the client notices, it is no longer counted
	l.wheel.remove(c.index)
	t, prefix, release := c.sub.topic, c.prefix, c.release
	g := l.groups[t]
	last := g.conns[len(g.conns)-1]
	g.conns[c.place] = last
	l.conns[last].place = c.place
	g.conns = g.conns[:len(g.conns)-1]
	if len(g.conns) == 0 {
		delete(l.groups, t)
		t.removeGroup(g)
	}
	l.free = append(l.free, c.index)
	*c = conn{tag: c.tag}
	l.count.Add(-1)
	l.hub.releaseReader(t, prefix, release, reason)
}

// releaseReader counts out a reader whose connection is closed.
func (h *Hub) releaseReader(t *topic, prefix netip.Prefix, release func(), reason string) {
	t.addReaders(-1, 0)
	h.limits.release(t.blogID, prefix)
	release()
	h.metrics.Closed(reason)
}

// sharedBatch keeps the batch that a loop made last. Most connections of a walk stand
// at the same place, and what is due to one of them is due to all: they need neither
// the topic's mutex, for which the loops would queue, nor a list of their own.
type sharedBatch struct {
	sub     Subscriber // that the batch was made for
	changes uint64     // of the topic, from before the batch was made
	batch   writeBatch
	valid   bool
}

// peek is Subscriber.peek for a connection of the loop. The batch is good until the
// next call.
func (m *sharedBatch) peek(s *Subscriber) *writeBatch {
	changes := s.topic.changes.Load()
	if m.valid && *s == m.sub && changes == m.changes {
		return &m.batch
	}
	m.sub, m.changes = *s, changes
	s.peek(&m.batch)
	// A reset is for one reader; after an end or behind the ring nothing is shared.
	m.valid = m.batch.first == 0 && !m.batch.over && !m.batch.behind
	return &m.batch
}

// drop forgets the batch, since the ring may drop its frames.
func (m *sharedBatch) drop() {
	const maxKept = 64
	m.batch.dropFrames(maxKept)
	*m = sharedBatch{batch: writeBatch{buffers: m.batch.buffers}}
}
