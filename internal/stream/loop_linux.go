package stream

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"dateline/internal/listen"

	"golang.org/x/sys/unix"
)

const (
	// tick is the resolution of a loop's clock.
	tick = 100 * time.Millisecond
	// heartbeatBucket is how many ticks heartbeats are rounded up to: a loop is woken
	// once for all that are due within a second.
	heartbeatBucket = 10
	// clockEvery is how many connections a loop serves before it reads its clock,
	// which takes a fiftieth of the time of a write.
	clockEvery = 64
)

// ticks converts a duration.
func ticks(d time.Duration) uint32 { return uint32(max(0, d) / tick) }

// loop owns connections of the fast path: it alone uses their state and their
// sockets. There is one loop per core. It writes to those connections for which
// something is due, waits for the kernel where a socket is full, and has no
// goroutine, timer or buffer per connection.
type loop struct {
	hub   *Hub
	epoll int
	wake  int // an eventfd that interrupts the wait for sockets

	// What other goroutines hand to the loop.
	mu       sync.Mutex
	signaled bool
	stopped  bool
	incoming []newConn
	pages    []pageResult
	dirty    []*group

	conns  []conn // by index; a free one has no release function
	free   []int32
	groups map[*topic]*group
	wheel  *wheel
	began  time.Time
	tags   uint32

	spare      []newConn // the list that takes turns with incoming
	shared     sharedBatch
	buffers    [][]byte // of a page
	iov        []unix.Iovec
	message    unix.Msghdr
	events     []unix.EpollEvent
	served     int
	clock      uint32 // the tick when the clock was last read
	deliveries deliveries
	draining   bool
	count      atomic.Int64 // of connections, those in incoming included
}

// group is the connections of one topic in one loop.
type group struct {
	loop  *loop
	topic *topic
	conns []int32
	dirty atomic.Bool
}

// newConn is a connection on its way to a loop, with the first bytes that it gets.
type newConn struct {
	sub     Subscriber
	prefix  netip.Prefix
	fd      int
	release func()
	first   []byte
	buffer  *[openingSize]byte // that first is in; it is reused
}

// pageResult is a page of the log for a reader that is behind the ring.
type pageResult struct {
	index   int32
	tag     uint32
	sub     Subscriber // moved past the page
	frames  []*Frame
	refused *reset
	err     error
}

// UseFastPath makes the hub serve readers over plain HTTP/1.1 by that many loops, one
// per core, instead of a goroutine each. It is called before Run.
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

// startLoops runs the loops; stop ends them and waits.
func (h *Hub) startLoops() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, l := range h.loops {
		running.Go(func() { l.run(ctx) })
	}
	return func() { cancel(); running.Wait() }
}

// wakeLoops makes the loops notice that the node drains: a loop whose readers are
// silent sleeps for seconds.
func (h *Hub) wakeLoops() {
	for _, l := range h.loops {
		l.enqueue(func() {})
	}
}

func newLoop(h *Hub) (*loop, error) {
	l := &loop{hub: h, groups: map[*topic]*group{}, wheel: newWheel(), began: time.Now(), events: make([]unix.EpollEvent, 256)}
	var err error
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	if l.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		unix.Close(l.epoll)
		return nil, err
	}
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: none}
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, l.wake, &ev); err != nil {
		l.closeFiles()
		return nil, err
	}
	return l, nil
}

func (l *loop) closeFiles() {
	unix.Close(l.epoll)
	unix.Close(l.wake)
}

// run serves until ctx ends and then closes the connections that are left.
func (l *loop) run(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { l.enqueue(func() {}) })
	defer stop()
	for ctx.Err() == nil {
		n, err := unix.EpollWait(l.epoll, l.events, l.pollTimeout())
		if err != nil && err != unix.EINTR {
			slog.Error("stream loop", "error", err)
			break
		}
		l.readClock()
		for _, ev := range l.events[:max(0, n)] {
			l.handle(ev)
		}
		l.takeQueued()
		l.readClock()
		l.wheel.turn(l.clock, l.deadlineReached)
		l.shared.drop()
		l.shrink()
	}
	l.closeAll()
}

// pollTimeout is how long the loop may sleep, in milliseconds: until the wheel's next
// deadline, and without connections until it is woken. A needless wake-up costs more
// than it seems: Go's monitor thread polls some sixty times before it sleeps again.
func (l *loop) pollTimeout() int {
	if l.count.Load() == 0 {
		return -1
	}
	age := time.Since(l.began)
	ahead := time.Duration(int32(l.wheel.next()-uint32(age/tick))) * tick
	return max(0, int((ahead-age%tick)/time.Millisecond)+1)
}

// readClock reads the clock, and reports what was delivered since it was last read.
func (l *loop) readClock() {
	now := time.Now()
	l.clock = uint32(now.Sub(l.began) / tick)
	l.deliveries.report(l.hub.metrics, now)
}

// shrink frees the memory of a burst of connections when all are closed.
func (l *loop) shrink() {
	const maxKept = 1024
	if len(l.free) == len(l.conns) && len(l.conns) > maxKept {
		l.conns, l.free, l.wheel.links = nil, nil, nil
	}
}

// enqueue changes what is handed to the loop, and wakes it. It reports false, and
// changes nothing, when the loop has stopped.
func (l *loop) enqueue(change func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return false
	}
	change()
	if !l.signaled {
		l.signaled = true
		one := [8]byte{1}
		_, _ = unix.Write(l.wake, one[:]) // it fails when the loop is woken already
	}
	return true
}

// notify tells the loop that something is due to the group's connections.
func (g *group) notify() {
	if g.dirty.CompareAndSwap(false, true) {
		g.loop.enqueue(func() { g.loop.dirty = append(g.loop.dirty, g) })
	}
}

// takeQueued does what was handed to the loop.
func (l *loop) takeQueued() {
	l.mu.Lock()
	if !l.signaled {
		l.mu.Unlock()
		return
	}
	incoming, pages, dirty := l.incoming, l.pages, l.dirty
	l.incoming, l.pages, l.dirty, l.signaled = l.spare, nil, nil, false
	l.mu.Unlock()
	for _, n := range incoming {
		l.add(n)
	}
	const maxKept = 256 // the list of a burst is dropped
	l.spare = nil
	if cap(incoming) <= maxKept {
		clear(incoming)
		l.spare = incoming[:0]
	}
	for _, p := range pages {
		l.takePage(p)
	}
	for _, g := range dirty {
		g.dirty.Store(false)                     // before the walk: what comes meanwhile notifies again
		for n := len(g.conns) - 1; n >= 0; n-- { // backwards: a closed connection is replaced by the last
			l.serve(g.conns[n])
		}
	}
	if !l.draining && l.hub.Draining() {
		l.draining = true
		for i := range l.conns {
			if l.conns[i].open() {
				l.scheduleGoodbye(&l.conns[i])
			}
		}
	}
}

// groupOf finds or makes the group of a topic, and adds it to the topic.
func (l *loop) groupOf(t *topic) *group {
	g := l.groups[t]
	if g == nil {
		g = &group{loop: l, topic: t}
		l.groups[t] = g
		t.addGroup(g)
	}
	return g
}

// closeAll closes what is left when the node stops.
func (l *loop) closeAll() {
	l.mu.Lock()
	l.stopped = true
	incoming := l.incoming
	l.mu.Unlock()
	for _, n := range incoming {
		l.add(n)
	}
	for i := range l.conns {
		if l.conns[i].open() {
			l.close(&l.conns[i], reasonDraining)
		}
	}
	l.closeFiles()
}

// deadlineKind is what a connection does at its deadline.
type deadlineKind uint8

const (
	sendHeartbeat deadlineKind = iota
	checkStall                 // does the client still take bytes?
	retryPage                  // of the log, which could not be read
	sayGoodbye                 // since the node drains
)

// deadline is when a connection needs the loop next, even if nothing is due to it.
type deadline struct {
	at   uint32 // tick
	kind deadlineKind
}

// earlier is the one of two deadlines that comes first.
func (d deadline) earlier(other deadline) deadline {
	if int32(other.at-d.at) < 0 {
		return other
	}
	return d
}

// stallCheck is how often a blocked connection is checked.
const stallCheck = 2 * time.Second

// schedule sets the connection's next deadline. A write postpones the heartbeat, but
// does not schedule it anew: the old deadline is found to be too early.
func (l *loop) schedule(c *conn) {
	d := deadline{(c.sent + c.silence + heartbeatBucket - 1) / heartbeatBucket * heartbeatBucket, sendHeartbeat}
	if c.blocked {
		d = deadline{l.clock + ticks(stallCheck), checkStall}
	}
	if c.awaitsRetry {
		d = d.earlier(deadline{l.clock + ticks(pageRetry), retryPage})
	}
	if l.draining && c.ending == stillOpen {
		d = d.earlier(deadline{c.goodbyeAt, sayGoodbye})
	}
	c.deadline = d
	l.wheel.set(c.index, d.at)
}

// scheduleGoodbye gives a connection a random moment of the drain to close at.
func (l *loop) scheduleGoodbye(c *conn) {
	c.goodbyeAt = l.clock + ticks(l.hub.goodbyeDelay())
	l.schedule(c)
}

// deadlineReached does what a connection's deadline is for, and sets the next one.
func (l *loop) deadlineReached(i int32) {
	c := &l.conns[i]
	if int32(l.clock-c.deadline.at) < 0 { // the wheel has turned once before it is time
		l.wheel.set(i, c.deadline.at)
		return
	}
	switch c.deadline.kind {
	case sendHeartbeat:
		if int32(l.clock-c.sent) >= int32(c.silence) && !c.blocked && len(c.unsent) == 0 {
			c.unsent = append(c.unsent, c.sub.wrap(pingFrame(c.sub.topic.head()))...)
			l.serve(i)
		}
	case checkStall:
		switch {
		case !c.blocked:
		case l.draining && l.hub.drainGraceOver():
			l.close(c, reasonDraining)
		case l.stalled(c):
			l.close(c, reasonStalled)
		}
	case retryPage:
		c.awaitsRetry = false
		l.serve(i)
	case sayGoodbye:
		if c.ending == stillOpen {
			c.unsent, c.ending, c.page = append(c.unsent, c.sub.wrapLast(byeFrame())...), endsForDrain, nil
			l.serve(i)
		}
	}
	if c = &l.conns[i]; c.open() {
		l.schedule(c)
	}
}

// deliveries accumulates what a loop delivered. To report each delivery by itself,
// and to read the clock for it, would take a tenth of its time.
type deliveries struct {
	events  int
	readers int
	newest  int64 // when the event that all these readers got was committed, Unix nanoseconds
}

func (d *deliveries) add(m Metrics, events int, newest int64) {
	if events == 0 {
		return
	}
	if newest != d.newest {
		d.report(m, time.Now())
	}
	d.events, d.readers, d.newest = d.events+events, d.readers+1, newest
}

// report reports what was accumulated until now, and begins anew.
func (d *deliveries) report(m Metrics, now time.Time) {
	if d.readers > 0 {
		m.Delivered(d.events)
		m.Latency(now.Sub(time.Unix(0, d.newest)), d.readers)
	}
	*d = deliveries{}
}
