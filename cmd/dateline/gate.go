package main

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"dateline/internal/stream"
)

// keepAlive finds peers that are gone without a word while nothing is sent.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3}

// gate is where clients connect. It lets only so many in, so that a crowd can't
// take the files that the database's connections need; the others wait in the
// kernel's queue.
type gate struct {
	net.Listener
	places chan struct{} // one in it per open connection
	closed chan struct{}
	close  func() error
}

func newGate(ctx context.Context, address string, connections int) (*gate, error) {
	l, err := (&net.ListenConfig{KeepAliveConfig: keepAlive}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	g := &gate{Listener: l, places: make(chan struct{}, connections), closed: make(chan struct{})}
	g.close = sync.OnceValue(func() error { close(g.closed); return l.Close() })
	return g, nil
}

// Accept implements net.Listener.
func (g *gate) Accept() (net.Conn, error) {
	select {
	case g.places <- struct{}{}:
	case <-g.closed:
		return nil, net.ErrClosed
	}
	c, err := g.Listener.Accept()
	if err != nil {
		<-g.places
		return nil, err
	}
	return &guest{Conn: stream.NewConn(c), leave: sync.OnceFunc(func() { <-g.places })}, nil
}

// Close implements net.Listener.
func (g *gate) Close() error { return g.close() }

// open is how many connections there are.
func (g *gate) open() int { return len(g.places) }

// guest is a connection that has a place.
type guest struct {
	*stream.Conn
	leave func()
}

// Close implements net.Conn.
func (g *guest) Close() error {
	defer g.leave()
	return g.Conn.Close()
}

// introduce lets a stream know its connection.
func introduce(ctx context.Context, c net.Conn) context.Context {
	if g, ok := c.(*guest); ok {
		return stream.WithConn(ctx, g.Conn)
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
