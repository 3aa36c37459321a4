package netfault

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"dateline/internal/wait"
)

const (
	firstSize = 2 << 10  // of a direction's buffer in bytes, since most requests are short
	pieceSize = 32 << 10 // the most that is read at a time, in bytes
	maxQueued = 1 << 20  // bytes of one direction that wait for their turn
)

// pipe is one direction of a link. The goroutine of run reads; it also writes
// while there are no conditions. Under conditions pieces wait in a queue, which
// a second goroutine empties and then ends.
type pipe struct {
	link  *link
	way   func(Conditions) Way
	count *atomic.Int64 // of bytes written
	from  *net.TCPConn
	to    *net.TCPConn

	torn  atomic.Bool // bytes were swallowed
	ended atomic.Bool // the receiver was told that there is no more
	deaf  bool        // the receiver takes no more; used by the goroutine that writes

	mu      sync.Mutex
	room    sync.Cond // the queue has become shorter
	queue   []piece
	queued  int // bytes
	busy    bool
	writers sync.WaitGroup
}

// piece is what one read gave: bytes, or the end.
type piece struct {
	data []byte
	end  error // why there is no more
	at   time.Time
	luck float64 // of the jitter
}

func newPipe(l *link, way func(Conditions) Way, count *atomic.Int64) *pipe {
	p := &pipe{link: l, way: way, count: count}
	p.room.L = &p.mu
	return p
}

// lifted tells that bytes were swallowed and no more will be.
func (p *pipe) lifted(w Way) bool { return !w.Swallow && p.torn.Load() }

// now is the way as it is, and what tells its change.
func (p *pipe) now() (Way, <-chan struct{}) {
	s := p.link.proxy.state.Load()
	if own := p.link.own.Load(); own != nil {
		return p.way(*own), s.changed
	}
	return p.way(s.Conditions), s.changed
}

// run carries bytes until the sender has ended and the receiver knows.
func (p *pipe) run(from, to *net.TCPConn) {
	p.from, p.to = from, to
	defer p.writers.Wait()
	buf := make([]byte, firstSize)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			p.pass(piece{data: buf[:n]})
		}
		if err != nil {
			p.pass(piece{end: err})
			return
		}
		if n == len(buf) && n < pieceSize {
			buf = make([]byte, 4*n)
		}
	}
}

// pass hands a piece on: at once when nothing hinders, else by the queue.
func (p *pipe) pass(one piece) {
	p.mu.Lock()
	way, _ := p.now()
	if !p.busy && way == (Way{}) {
		p.mu.Unlock()
		p.write(one, Way{})
		return
	}
	for p.queued+len(one.data) > maxQueued {
		p.room.Wait()
	}
	one.data = append([]byte(nil), one.data...)
	one.at, one.luck = time.Now(), rand.Float64()
	p.queue = append(p.queue, one)
	p.queued += len(one.data)
	if !p.busy {
		p.busy = true
		p.writers.Go(p.drain)
	}
	p.mu.Unlock()
}

// drain delivers what is queued, in order.
func (p *pipe) drain() {
	for {
		one, more := p.head()
		if !more {
			return
		}
		p.deliver(one)
		p.drop(len(one.data))
	}
}

func (p *pipe) head() (one piece, more bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 {
		p.queue, p.busy = nil, false
		return one, false
	}
	return p.queue[0], true
}

func (p *pipe) drop(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue[0] = piece{}
	p.queue = p.queue[1:]
	p.queued -= n
	p.room.Signal()
}

// deliver writes a piece as the conditions of each moment allow.
func (p *pipe) deliver(one piece) {
	for {
		way, ok := p.wait(one)
		if !ok {
			return
		}
		if way.Swallow {
			p.swallow()
			return
		}
		part := one
		part.data = one.data[:min(len(one.data), way.chunk())]
		p.write(part, way)
		one.data = one.data[len(part.data):]
		if len(one.data) == 0 {
			return
		}
	}
}

// wait returns when a piece is due, with the way that it takes; or not ok when
// the link has ended.
func (p *pipe) wait(one piece) (way Way, ok bool) {
	for {
		way, changed := p.now()
		var due <-chan time.Time
		if left := time.Until(one.at.Add(way.delay(one.luck))); left > 0 {
			due = time.After(left)
		}
		if !way.Hold && due == nil {
			return way, p.link.ctx.Err() == nil
		}
		if way.Hold {
			due = nil
		}
		select {
		case <-due:
		case <-changed:
		case <-p.link.ctx.Done():
			return way, false
		}
	}
}

// swallow marks the connection; when the conditions were lifted in between, it
// is Set that did not see the mark, so that it is cut here.
func (p *pipe) swallow() {
	p.torn.Store(true)
	if way, _ := p.now(); !way.Swallow {
		p.link.cut()
	}
}

// write hands bytes or the end to the receiver, and takes the time that the
// bandwidth asks for.
func (p *pipe) write(one piece, way Way) {
	if one.end != nil {
		p.finish(one.end)
		return
	}
	if p.deaf {
		return // the other direction will tell the sender
	}
	n, err := p.to.Write(one.data)
	p.count.Add(int64(n))
	if err != nil {
		p.deaf = true
		p.link.lost()
	}
	if took := way.sending(len(one.data)); took > 0 {
		wait.For(p.link.ctx, took)
	}
}

// finish passes the end on: an end of stream leaves the other direction open, as
// in TCP, and a reset ends both.
func (p *pipe) finish(end error) {
	p.ended.Store(true)
	if !errors.Is(end, io.EOF) || p.link.broken.Load() {
		p.link.cut()
		return
	}
	_ = p.to.CloseWrite() // fails when the receiver is gone, which the other direction sees
}
