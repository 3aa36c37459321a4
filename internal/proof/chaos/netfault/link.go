package netfault

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// socketBuffer keeps the kernel from taking many megabytes for a receiver that
// does not read: the sender should feel it.
const socketBuffer = 256 << 10 // bytes

// link is one client and its connection to the target.
type link struct {
	proxy    *Proxy
	up, down *pipe
	ctx      context.Context // ends with the link
	stop     context.CancelFunc
	broken   atomic.Bool                // an end takes no more bytes, so that the link ends with a reset
	own      atomic.Pointer[Conditions] // instead of the proxy's, or nil

	mu     sync.Mutex
	ends   []*net.TCPConn // of the client, then of the target
	closed bool
}

func newLink(p *Proxy, client *net.TCPConn) *link {
	l := &link{proxy: p, ends: []*net.TCPConn{client}}
	l.ctx, l.stop = context.WithCancel(p.ctx)
	l.up = newPipe(l, func(c Conditions) Way { return c.Up }, &p.stats.up)
	l.down = newPipe(l, func(c Conditions) Way { return c.Down }, &p.stats.down)
	return l
}

// run returns when both directions have ended.
func (l *link) run() {
	defer l.cut()
	target, err := l.proxy.dial(l.ctx)
	if err != nil {
		l.down.deliver(piece{end: err, at: time.Now()}) // a refusal is held back and lost like an answer
		<-l.ctx.Done()
		return
	}
	if !l.add(target) {
		return
	}
	client := l.ends[0]
	prepare(client)
	prepare(target)
	var both sync.WaitGroup
	both.Go(func() { l.up.run(client, target) })
	both.Go(func() { l.down.run(target, client) })
	both.Wait()
	l.close()
}

// add takes the connection to the target, unless the link was cut meanwhile.
func (l *link) add(target *net.TCPConn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		reset(target)
		return false
	}
	l.ends = append(l.ends, target)
	return true
}

// targetSees reports whether the connection comes from a port to the target.
func (l *link) targetSees(port int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.ends) < 2 {
		return false
	}
	from, ok := l.ends[1].LocalAddr().(*net.TCPAddr)
	return ok && from.Port == port
}

// lost tells that an end takes no more. What that end still has to say comes
// first, with the conditions of its direction: the reset follows it.
func (l *link) lost() {
	l.broken.Store(true)
	if l.up.ended.Load() || l.down.ended.Load() {
		l.cut()
	}
}

// cut resets both ends.
func (l *link) cut() { l.end(reset) }

// close closes both ends in good order.
func (l *link) close() { l.end(hangUp) }

func (l *link) end(how func(*net.TCPConn)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.closed = true
	l.stop()
	for _, c := range l.ends {
		how(c)
	}
}

// reset closes a connection so that its peer sees a reset and no end of stream.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0) // fails only when it is closed
	hangUp(c)
}

func hangUp(c *net.TCPConn) { _ = c.Close() } // there is nobody to tell

func prepare(c *net.TCPConn) {
	// Both fail only when the connection is closed, which the next read tells.
	_ = c.SetReadBuffer(socketBuffer)
	_ = c.SetWriteBuffer(socketBuffer)
}
