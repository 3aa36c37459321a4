package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"dateline/internal/stream"
)

// keepAlive finds peers that are gone without a word while nothing is sent.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3}

// gate is where clients connect. It lets only so many in, so that a crowd can't
// take the files that the database's connections need; the others, but for one of
// each queue, wait in the kernel. There are several of these: one overflows when ten thousand
// readers come back at once, and who is dropped there waits for seconds.
type gate struct {
	listeners []net.Listener
	places    chan struct{} // one in it per open connection
	accepted  chan accepted
	closed    chan struct{}
	leave     func() // gives the place of a closed connection back
	close     func() error
	accepting sync.WaitGroup
}

type accepted struct {
	conn net.Conn
	err  error
}

func newGate(ctx context.Context, address string, connections int) (*gate, error) {
	listeners, err := listen(ctx, address)
	if err != nil {
		return nil, err
	}
	g := &gate{listeners: listeners, places: make(chan struct{}, connections), accepted: make(chan accepted), closed: make(chan struct{})}
	g.close = sync.OnceValue(g.shut)
	g.leave = func() { <-g.places } // one for all connections
	for _, l := range listeners {
		g.accepting.Go(func() { g.accept(l) })
	}
	return g, nil
}

// accept takes connections of one queue until the gate is closed.
func (g *gate) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err == nil {
			c, err = g.admit(c)
		}
		select {
		case g.accepted <- accepted{c, err}:
		case <-g.closed:
			if err == nil {
				c.Close()
			}
			return
		}
	}
}

// admit gives a connection its place when there is one.
func (g *gate) admit(c net.Conn) (net.Conn, error) {
	select {
	case g.places <- struct{}{}:
		return stream.NewConn(c, g.leave), nil
	case <-g.closed:
		c.Close()
		return nil, net.ErrClosed
	}
}

// shut closes the queues and waits for those who accept.
func (g *gate) shut() error {
	close(g.closed)
	var errs []error
	for _, l := range g.listeners {
		errs = append(errs, l.Close())
	}
	g.accepting.Wait()
	return errors.Join(errs...)
}

// Accept implements net.Listener.
func (g *gate) Accept() (net.Conn, error) {
	select {
	case a := <-g.accepted:
		return a.conn, a.err
	case <-g.closed:
		return nil, net.ErrClosed
	}
}

// Addr implements net.Listener.
func (g *gate) Addr() net.Addr { return g.listeners[0].Addr() }

// Close implements net.Listener.
func (g *gate) Close() error { return g.close() }

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
		if leaving() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}
