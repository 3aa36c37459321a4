package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"dateline/internal/bench/scan"
)

const (
	// perWorker is how many readers one process plays at most; each is an open file.
	perWorker = 9000
	// inFlight is how many readers of a worker connect at the same time, unless in a storm.
	inFlight = 100
	// turn is how often a worker checks its timers, in ms.
	turn = 10
	// room is the size of the buffer that all readers of a worker share, in bytes.
	room = 512 << 10
	// mostOrder bounds one order or notice, in bytes.
	mostOrder = 64 << 20
)

// worker is one process of readers. One goroutine owns all but the queue of orders.
type worker struct {
	epoll, bell int
	out         *json.Encoder

	mu     sync.Mutex
	orders []order
	ended  bool

	readers []reader
	waiting []appointment // readers that reconnect later
	queue   []int32       // readers to connect, oldest first
	opening int           // readers between connect and the head of the answer
	plan    order         // of the last connect
	current order         // that the worker executes; Do is empty when it is idle
	limit   int64         // ns of the clock when the current order has failed
	base    int64         // the number before the first message
	expect  int

	tally    Tally
	latency  *Histogram
	whole    *Histogram
	messages []message

	buffer []byte
	found  []scan.Event
	wake   []unix.EpollEvent
	sipped int64 // ns of the clock when slow readers read last
	looked int64 // and when all readers were last compared with the head
}

// appointment is the time at which a reader reconnects.
type appointment struct {
	at     int64 // ns
	reader int32
}

// Worker executes the orders on in and writes results to out. It returns when in or
// ctx ends. Run starts processes that call it.
func Worker(ctx context.Context, in io.Reader, out io.Writer) error {
	c := &worker{
		out: json.NewEncoder(out), buffer: make([]byte, room), wake: make([]unix.EpollEvent, 512),
		latency: new(Histogram), whole: new(Histogram),
	}
	if err := c.openFiles(); err != nil {
		return err
	}
	defer c.close()
	defer context.AfterFunc(ctx, c.end)()
	go c.listen(in) // ends with in, which the process has to itself
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return c.run()
}

func (c *worker) openFiles() (err error) {
	if c.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	if c.bell, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	return unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, c.bell, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: -1})
}

func (c *worker) close() {
	for i := range c.readers {
		c.hangUp(&c.readers[i])
	}
	unix.Close(c.epoll)
}

// listen takes orders from in until it ends.
func (c *worker) listen(in io.Reader) {
	defer c.end()
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, mostOrder)
	for lines.Scan() {
		var o order
		if json.Unmarshal(lines.Bytes(), &o) != nil {
			return
		}
		c.mu.Lock()
		c.orders = append(c.orders, o)
		c.mu.Unlock()
		c.ring()
	}
}

func (c *worker) end() {
	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
	c.ring()
}

func (c *worker) ring() {
	one := [8]byte{1}
	_, _ = unix.Write(c.bell, one[:]) // full means that it rings already
}

func (c *worker) run() error {
	for {
		n, err := unix.EpollWait(c.epoll, c.wake, turn)
		if err != nil && err != unix.EINTR {
			return fmt.Errorf("epoll: %w", err)
		}
		for _, ev := range c.wake[:max(n, 0)] {
			if ev.Fd >= 0 {
				c.handle(ev)
			}
		}
		c.tick()
		if ended, err := c.takeOrders(); ended || err != nil {
			return err
		}
	}
}

// tick does what the clock brings: readers come back, slow ones sip, and the
// current order may be done or late.
func (c *worker) tick() {
	t := now()
	kept := c.waiting[:0]
	for _, a := range c.waiting {
		if a.at > t {
			kept = append(kept, a)
		} else {
			c.queue = append(c.queue, a.reader)
		}
	}
	c.waiting = kept
	c.sip(t)
	c.dial(inFlight)
}

// dial connects readers of the queue while fewer than most are on their way.
func (c *worker) dial(most int) {
	for len(c.queue) > 0 && c.opening < most {
		i := c.queue[0]
		c.queue = c.queue[1:]
		c.connect(i)
	}
}

// takeOrders begins new orders and answers those that are done.
func (c *worker) takeOrders() (ended bool, err error) {
	var count [8]byte
	_, _ = unix.Read(c.bell, count[:]) // empty when nobody rang
	for {
		if c.current.Do == "" {
			c.mu.Lock()
			ended := c.ended
			if len(c.orders) > 0 {
				c.current, c.orders = c.orders[0], c.orders[1:]
			}
			c.mu.Unlock()
			if c.current.Do == "" || ended {
				return ended, nil
			}
			c.begin()
		}
		if !c.done() {
			return c.isEnded(), nil
		}
		if err := c.out.Encode(c.report()); err != nil {
			return true, fmt.Errorf("report: %w", err)
		}
		c.current = order{}
	}
}

func (c *worker) isEnded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// begin does the part of an order that takes no time.
func (c *worker) begin() {
	o := c.current
	c.limit = now() + o.Within
	switch o.Do {
	case doConnect:
		c.plan = o
		for i := range o.Count {
			c.readers = append(c.readers, newReader(o, o.First+i))
			c.queue = append(c.queue, int32(len(c.readers)-1))
		}
	case doBegin:
		c.base, c.expect = o.After, o.Messages
		c.tally, c.latency, c.whole = Tally{}, new(Histogram), new(Histogram)
		c.messages = make([]message, o.Messages*len(c.plan.Nodes))
	case doDrop:
		c.drop()
	case doStorm:
		c.storm(o)
	}
}

// done is whether the current order is, or has run out of time.
func (c *worker) done() bool {
	if now() > c.limit && c.current.Within > 0 {
		return true
	}
	switch c.current.Do {
	case doConnect:
		return c.opening == 0 && len(c.queue) == 0 && len(c.waiting) == 0
	case doAwait, doStorm:
		return c.reached(c.current.Head)
	}
	return true
}

// reached is whether every reader that reads has all up to head. It looks at all
// of them, so it does that now and then only.
func (c *worker) reached(head int64) bool {
	if now()-c.looked < turn*1e6 {
		return false
	}
	c.looked = now()
	for i := range c.readers {
		if r := &c.readers[i]; r.sip == 0 && r.book.last < head {
			return false
		}
	}
	return true
}

func (c *worker) report() notice {
	n := notice{CPU: ownCPU()}
	for i := range c.readers {
		r := &c.readers[i]
		if r.state == open {
			n.Open++
		}
		if r.sip == 0 && r.book.last < c.current.Head {
			n.Behind[r.state]++
		}
	}
	if c.current.Do != doReport {
		return n
	}
	n.Tally, n.Latency, n.Whole, n.Messages = c.tally, c.latency, c.whole, c.messages
	for i := range c.readers { // a reader that never got so far misses the end
		if r := &c.readers[i]; r.sip == 0 && c.current.Head > r.book.last {
			n.Tally.Missing += uint64(c.current.Head - r.book.last)
		}
	}
	return n
}

func ownCPU() int64 {
	var use unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &use) != nil {
		return 0
	}
	return use.Utime.Nano() + use.Stime.Nano()
}

// drop resets the connections of all readers, guests for good.
func (c *worker) drop() {
	kept := c.readers[:0]
	for i := range c.readers {
		r := c.readers[i]
		c.hangUp(&r)
		if !r.guest {
			kept = append(kept, r)
		}
	}
	c.readers, c.queue, c.waiting, c.opening = kept, nil, nil, 0
}

// storm reconnects all readers at the time of the order.
func (c *worker) storm(o order) {
	for i := range c.readers {
		r := &c.readers[i]
		r.book = ledger{last: o.After}
		r.whole = false
		c.queue = append(c.queue, int32(i))
	}
	time.Sleep(time.Duration(o.At - now()))
	for len(c.queue) > 0 { // in small groups, so that answers are read meanwhile
		c.dial(c.opening + 50)
		n, _ := unix.EpollWait(c.epoll, c.wake, 0)
		for _, ev := range c.wake[:max(n, 0)] {
			if ev.Fd >= 0 {
				c.handle(ev)
			}
		}
	}
}
