// Package listen takes clients' connections: the sockets that a node listens on,
// the limit of open connections, connections that tell a slow reader from a dead
// one, and the HTTP server with its time limits and its orderly stop.
//
// Goroutines: Serve runs one per listener and returns after all of them.
package listen

import (
	"context"
	"errors"
	"net"
	"runtime"
	"sync"
	"time"
)

// keepAlive detects peers that disappeared without closing their connection while
// nothing is sent.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3}

// Listeners accept the connections of one address, up to a limit that they share:
// a burst of clients must not take the files that the database's connections need.
// Connections beyond the limit, except one per listener, wait in the kernel. There
// are several listeners, each with an accept queue of its own: a single queue
// overflows when ten thousand readers reconnect at once, and a client whose
// connection is dropped there waits for seconds before it tries again.
type Listeners struct {
	all     []net.Listener
	slots   chan struct{} // holds one element per open connection
	release func()        // frees the slot of a closed connection
	closed  chan struct{}
	close   func() error
}

// Open listens on an address and allows that many open connections.
func Open(ctx context.Context, address string, connections int) (*Listeners, error) {
	sockets, err := openSockets(ctx, address)
	if err != nil {
		return nil, err
	}
	l := &Listeners{slots: make(chan struct{}, connections), closed: make(chan struct{})}
	l.release = func() { <-l.slots }
	l.close = sync.OnceValue(func() error {
		close(l.closed)
		var errs []error
		for _, socket := range sockets {
			errs = append(errs, socket.Close())
		}
		return errors.Join(errs...)
	})
	for _, socket := range sockets {
		l.all = append(l.all, &limitListener{socket, l})
	}
	return l, nil
}

// All are the listeners, to be served together.
func (l *Listeners) All() []net.Listener { return l.all }

// Address is where the listeners are reached; it names the port when the caller
// left that to the system.
func (l *Listeners) Address() string { return l.all[0].Addr().String() }

// Connections is the number of open connections.
func (l *Listeners) Connections() int { return len(l.slots) }

// Close closes all listeners, and keeps the accepted connections open.
func (l *Listeners) Close() error { return l.close() }

// limitListener is one listener; it accepts a connection when a slot is free.
type limitListener struct {
	net.Listener
	shared *Listeners
}

// Accept implements net.Listener. An accepted connection blocks here until a slot
// is free. Before the next accept, the goroutines of connections that were accepted
// earlier get the processor: otherwise a storm becomes thousands of requests that
// each hold a stack and buffers, and none of which is answered.
func (l *limitListener) Accept() (net.Conn, error) {
	runtime.Gosched()
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	select {
	case l.shared.slots <- struct{}{}:
		return NewConn(c, l.shared.release), nil
	case <-l.shared.closed:
		c.Close()
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener: all listeners close together.
func (l *limitListener) Close() error { return l.shared.close() }
