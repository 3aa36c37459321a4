package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"runtime"
	"sync"
	"time"

	"dateline/internal/stream"
)

// keepAlive finds peers that are gone without a word while nothing is sent.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3}

// gate is where clients connect. It lets only so many in, so that a crowd can't
// take the files that the database's connections need; the others, but for one at
// each door, wait in the kernel. There are several doors, each with a queue of its
// own: one overflows when ten thousand readers come back at once, and who is
// dropped there waits for seconds.
type gate struct {
	doors  []net.Listener
	places chan struct{} // one in it per open connection
	leave  func()        // gives the place of a closed connection back
	closed chan struct{}
	close  func() error
}

// door is a listener that asks the gate for a place.
type door struct {
	net.Listener
	gate *gate
}

func newGate(ctx context.Context, address string, connections int) (*gate, error) {
	queues, err := listen(ctx, address)
	if err != nil {
		return nil, err
	}
	g := &gate{places: make(chan struct{}, connections), closed: make(chan struct{})}
	g.close = sync.OnceValue(func() error { return g.shut(queues) })
	g.leave = func() { <-g.places }
	for _, q := range queues {
		g.doors = append(g.doors, &door{q, g})
	}
	return g, nil
}

// Accept implements net.Listener. Who was taken from the queue waits here until
// there is a place. Before the next one is taken, those who wait for a processor
// get theirs: a storm would else be thousands of requests that each hold a stack
// and buffers, and none that is answered.
func (d *door) Accept() (net.Conn, error) {
	runtime.Gosched()
	c, err := d.Listener.Accept()
	if err != nil {
		return nil, err
	}
	select {
	case d.gate.places <- struct{}{}:
		return stream.NewConn(c, d.gate.leave), nil
	case <-d.gate.closed:
		c.Close()
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener: all doors close together.
func (d *door) Close() error { return d.gate.close() }

func (g *gate) shut(queues []net.Listener) error {
	close(g.closed)
	var errs []error
	for _, q := range queues {
		errs = append(errs, q.Close())
	}
	return errors.Join(errs...)
}

func (g *gate) address() string { return g.doors[0].Addr().String() }

// open is how many connections there are.
func (g *gate) open() int { return len(g.places) }

// introduce lets a stream know its connection.
func introduce(ctx context.Context, c net.Conn) context.Context {
	if known, ok := c.(*stream.Conn); ok {
		return stream.WithConn(ctx, known)
	}
	return ctx
}

// sendOff tells clients to connect anew while the node leaves: elsewhere, or to
// the one that takes its place. Nobody then asks on a connection that closes.
func sendOff(next http.Handler, leaving func() bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		deepen(0)
		if leaving() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// deepen makes room on the goroutine's stack for all that a request calls, at
// once and while it is shallow. It would else be copied in the middle of the deepest
// calls, frame by frame, which is a twentieth of what a storm's node does.
//
//go:noinline
func deepen(at byte) byte {
	var room [6 << 10]byte
	return room[at]
}
