package stream

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// tick is the resolution of a loop's clock.
	tick = 100 * time.Millisecond
	// company is how many ticks readers wait for each other's heartbeats: a loop
	// is woken once for all of a second.
	company = 10
)

// ticks converts a time that a loop waits.
func ticks(d time.Duration) uint32 { return uint32(max(0, d) / tick) }

const (
	// glance is how many readers a loop serves before it looks at its clock: that
	// takes as long as a fiftieth of a write.
	glance = 64
	// stallCheck is how often a blocked reader is looked at.
	stallCheck = 2 * time.Second
)

// seat is what the fast path keeps of a reader: its cursor and its socket.
// Everything else is shared. It belongs to one loop. What a delivery needs comes
// first: two lines of the processor's cache.
type seat struct {
	sub    Subscriber
	closed func()   // gives back what the connection held besides its socket; nil for a free seat
	rest   []byte   // of a frame that was written in part
	page   []*Frame // of the log, for one who is behind the ring
	ending string

	fd       int32
	sent     uint32 // the tick of the last write
	blocked  bool   // the socket takes nothing now: wait for the kernel's word
	fetching bool   // a page is on its way
	away     bool   // the page could not be read: the database is away

	index   int32
	tag     uint32 // tells the users of one seat apart
	place   int32  // in the list of the topic's readers
	silence uint32 // how many ticks may pass without a write until the heartbeat
	leaveAt uint32 // the tick of the goodbye, while the node drains
	watch   patience
	prefix  netip.Prefix // of the client, for the limits
}

// patience follows a blocked reader, as watch does on the portable path.
type patience struct {
	watching        bool
	began, progress uint32 // ticks
	queued          int32  // bytes not acknowledged at the last look
}

// loop owns readers of the fast path: it alone touches their seats and sockets.
// There is one per core. It serves those for whom something is due, waits for
// the kernel where a socket is full, and keeps no goroutine, timer or buffer per
// reader.
type loop struct {
	hub   *Hub
	epoll int
	bell  int // an eventfd: wakes the loop

	mu      sync.Mutex
	ringing bool
	stopped bool
	arrived []arrival
	pages   []delivery
	dirty   []*group

	seats  []seat
	free   []int32
	groups map[*topic]*group
	wheel  *wheel
	began  time.Time
	tags   uint32

	spare   []arrival // the list of arrived that is not in use
	share   share
	buffers [][]byte
	iov     []unix.Iovec
	message unix.Msghdr
	events  []unix.EpollEvent
	served  int
	clock   uint32 // ticks, at the last glance
	tally   tally
	leaving bool
	count   atomic.Int64 // of readers
}

// group is the readers of one topic in one loop.
type group struct {
	loop    *loop
	topic   *topic
	readers []int32
	dirty   atomic.Bool
}

// arrival is a reader who comes to a loop, with the first bytes it is owed.
type arrival struct {
	sub    Subscriber
	prefix netip.Prefix
	fd     int
	closed func()
	first  []byte
	buffer *[openingSize]byte // that first is in, to be used again
}

// delivery is a page of the log for a reader who is behind the ring.
type delivery struct {
	index   int32
	tag     uint32
	sub     Subscriber // its cursor is behind the page
	frames  []*Frame
	refused *reset
	err     error
}

func newLoop(h *Hub) (*loop, error) {
	l := &loop{hub: h, groups: map[*topic]*group{}, wheel: newWheel(), began: time.Now(), events: make([]unix.EpollEvent, 256)}
	var err error
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	if l.bell, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		unix.Close(l.epoll)
		return nil, err
	}
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: none}
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, l.bell, &ev); err != nil {
		l.closeFiles()
		return nil, err
	}
	return l, nil
}

func (l *loop) closeFiles() {
	unix.Close(l.epoll)
	unix.Close(l.bell)
}

// run serves until ctx ends and then lets go of whoever is left.
func (l *loop) run(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { l.ring(func() {}) })
	defer stop()
	for ctx.Err() == nil {
		n, err := unix.EpollWait(l.epoll, l.events, l.rest())
		if err != nil && err != unix.EINTR {
			slog.Error("stream loop", "error", err)
			break
		}
		l.look()
		for _, ev := range l.events[:max(0, n)] {
			l.handle(ev)
		}
		l.takeIn()
		l.look()
		l.wheel.turn(l.clock, l.wake)
		l.share.forget()
		l.shrink()
	}
	l.abandon()
}

// shrink lets go of a crowd's seats when all are gone.
func (l *loop) shrink() {
	const ordinary = 1024
	if len(l.free) == len(l.seats) && len(l.seats) > ordinary {
		l.seats, l.free, l.wheel.links = nil, nil, nil
	}
}

// look reads the clock, and tells the hub what was delivered since it last did.
func (l *loop) look() {
	now := time.Now()
	l.clock = uint32(now.Sub(l.began) / tick)
	l.tally.report(l.hub.metrics, now)
}

// rest is how long the loop may sleep, in milliseconds: until a reader is due by
// the wheel, and without readers until it is woken. To be woken for nothing costs
// more than it seems: Go's monitor looks around some sixty times before it sleeps again.
func (l *loop) rest() int {
	if l.count.Load() == 0 {
		return -1
	}
	lived := time.Since(l.began)
	ahead := time.Duration(int32(l.wheel.next()-uint32(lived/tick))) * tick
	return max(0, int((ahead-lived%tick)/time.Millisecond)+1)
}

// ring changes what the loop takes in, and wakes it. It reports false, and
// changes nothing, when the loop has stopped.
func (l *loop) ring(change func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return false
	}
	change()
	if !l.ringing {
		l.ringing = true
		one := [8]byte{1}
		_, _ = unix.Write(l.bell, one[:]) // full means that it rings already
	}
	return true
}

// notify says that something is due to a group's readers.
func (g *group) notify() {
	if g.dirty.CompareAndSwap(false, true) {
		g.loop.ring(func() { g.loop.dirty = append(g.loop.dirty, g) })
	}
}

// emptied gives a list to fill again, but not a crowd's.
func emptied(list []arrival) []arrival {
	const ordinary = 256
	if cap(list) > ordinary {
		return nil
	}
	clear(list)
	return list[:0]
}

// takeIn does what the loop was rung for.
func (l *loop) takeIn() {
	l.mu.Lock()
	if !l.ringing {
		l.mu.Unlock()
		return
	}
	arrived, pages, dirty := l.arrived, l.pages, l.dirty
	l.arrived, l.pages, l.dirty, l.ringing = l.spare, nil, nil, false
	l.mu.Unlock()
	for _, a := range arrived {
		l.seat(a)
	}
	l.spare = emptied(arrived)
	for _, d := range pages {
		l.takePage(d)
	}
	for _, g := range dirty {
		g.dirty.Store(false)                       // before they are served: what comes meanwhile notifies again
		for n := len(g.readers) - 1; n >= 0; n-- { // backwards: one who leaves is replaced by the last
			l.serve(g.readers[n])
		}
	}
	if !l.leaving && l.hub.Draining() {
		l.leave()
	}
}
