// Package netfault is a TCP proxy that misbehaves on command: late, slow, cut
// into small pieces, silent in one direction or both, reset, refused.
//
// It never changes or reorders bytes, and takes a bounded amount of them: what a
// receiver does not take makes the sender wait. What it cannot do is to leave
// packets unacknowledged: the kernel does that for both sides at all times.
//
// Listen starts the goroutines of a Proxy; all have ended when Close returns.
package netfault

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"dateline/internal/wait"
)

// dialLimit is how long the target may take to accept.
const dialLimit = 5 * time.Second

// Proxy is one link: it listens on a port of 127.0.0.1 and connects each client
// to the target. What it is told applies to open and new connections.
type Proxy struct {
	listener *net.TCPListener
	ctx      context.Context
	stop     context.CancelFunc
	running  sync.WaitGroup

	state  atomic.Pointer[state]
	target atomic.Pointer[string]
	refuse atomic.Bool
	hang   hang
	stats  counters

	mu    sync.Mutex // guards what follows, and orders Set
	links map[*link]struct{}
}

// state is replaced as a whole; changed is closed when the next one is there.
type state struct {
	Conditions
	changed chan struct{}
}

type counters struct{ connections, open, up, down atomic.Int64 }

// Stats counts since Listen.
type Stats struct {
	Connections int64 // accepted
	Open        int64 // now
	Up, Down    int64 // bytes written to the target and to clients
}

// Listen starts a proxy on a free port of 127.0.0.1. The target, "host:port", is
// dialled for each connection and need not be there yet.
func Listen(target string) (*Proxy, error) {
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, fmt.Errorf("listen for a proxy to %s: %w", target, err)
	}
	p := &Proxy{listener: l, links: make(map[*link]struct{})}
	p.ctx, p.stop = context.WithCancel(context.Background())
	p.target.Store(&target)
	p.state.Store(&state{changed: make(chan struct{})})
	p.running.Go(p.accept)
	return p, nil
}

// Addr is where clients connect, "127.0.0.1:port".
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Port is the port of Addr.
func (p *Proxy) Port() int { return p.listener.Addr().(*net.TCPAddr).Port }

// Close ends all connections with a reset and frees the port.
func (p *Proxy) Close() {
	p.stop()
	p.Hang(false)
	_ = p.listener.Close() // fails only when it is closed
	p.Cut()
	p.running.Wait()
}

// Set replaces the conditions. What was written to the proxy after Set returned
// meets the new ones.
func (p *Proxy) Set(c Conditions) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.own.Store(nil)
	}
	p.replace(c)
	for l := range p.links {
		if l.up.lifted(c.Up) || l.down.lifted(c.Down) {
			l.cut()
		}
	}
}

// SetOn replaces the conditions of one connection, the one that the target sees
// come from a port, until the next Set. It reports whether there is one.
func (p *Proxy) SetOn(port int, c Conditions) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		if l.targetSees(port) {
			l.own.Store(&c)
			p.replace(p.state.Load().Conditions) // wakes who waits
			return true
		}
	}
	return false
}

// replace stores conditions and wakes who waits under the old ones; p.mu is held.
func (p *Proxy) replace(c Conditions) {
	old := p.state.Swap(&state{Conditions: c, changed: make(chan struct{})})
	close(old.changed)
}

// Clear is Set with no conditions. It also ends Refuse and Hang.
func (p *Proxy) Clear() {
	p.Refuse(false)
	p.Hang(false)
	p.Set(Conditions{})
}

// Cut resets all connections that are open now.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.cut()
	}
}

// Refuse makes new connections fail at once. Open ones stay.
func (p *Proxy) Refuse(on bool) { p.refuse.Store(on) }

// SetTarget changes where new connections lead.
func (p *Proxy) SetTarget(addr string) { p.target.Store(&addr) }

// Target is where new connections lead.
func (p *Proxy) Target() string { return *p.target.Load() }

// Stats tells what has passed.
func (p *Proxy) Stats() Stats {
	return Stats{
		Connections: p.stats.connections.Load(), Open: p.stats.open.Load(),
		Up: p.stats.up.Load(), Down: p.stats.down.Load(),
	}
}

// accept runs until Close.
func (p *Proxy) accept() {
	for p.ctx.Err() == nil {
		p.hang.park(p.ctx)
		client, err := p.listener.AcceptTCP()
		if err != nil {
			wait.For(p.ctx, time.Millisecond) // told to park, or out of files
			continue
		}
		p.admit(client)
	}
}

func (p *Proxy) admit(client *net.TCPConn) {
	p.stats.connections.Add(1)
	if p.refuse.Load() {
		reset(client)
		return
	}
	p.open(client)
}

// open makes a link of a client. It is known before its target is dialled, so
// that Cut and Close find it.
func (p *Proxy) open(client *net.TCPConn) {
	l := newLink(p, client)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil {
		reset(client)
		return
	}
	p.links[l] = struct{}{}
	p.stats.open.Add(1)
	p.running.Go(func() {
		l.run()
		p.forget(l)
	})
}

func (p *Proxy) forget(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
	p.stats.open.Add(-1)
}

// dial connects to the target; the end of the link ends the attempt.
func (p *Proxy) dial(ctx context.Context) (*net.TCPConn, error) {
	d := net.Dialer{Timeout: dialLimit}
	conn, err := d.DialContext(ctx, "tcp", p.Target())
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), nil
}
