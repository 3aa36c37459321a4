package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

func openGate(t *testing.T, connections int) *gate {
	t.Helper()
	g, err := newGate(t.Context(), "127.0.0.1:0", connections)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.close() })
	return g
}

func dial(t *testing.T, g *gate) net.Conn {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", g.address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// Those for whom there is no place wait, and get one when somebody leaves.
func TestGate_LetsOnlySoManyIn(t *testing.T) {
	t.Parallel()
	g := openGate(t, 2)
	accepted := make(chan net.Conn)
	go func() {
		defer close(accepted)
		var atDoors sync.WaitGroup
		for _, d := range g.doors {
			atDoors.Go(func() { letIn(d, accepted) })
		}
		atDoors.Wait()
	}()
	for range 3 {
		dial(t, g)
	}
	first, second := <-accepted, <-accepted
	select {
	case <-accepted:
		t.Fatal("a third connection has no place")
	case <-time.After(50 * time.Millisecond):
	}
	first.Close()
	first.Close() // gives its place back once
	third := <-accepted
	if n := g.open(); n != 2 {
		t.Errorf("%d connections are open, want 2", n)
	}
	if err := g.close(); err != nil {
		t.Error(err)
	}
	if _, open := <-accepted; open {
		t.Error("a closed gate takes connections")
	}
	second.Close()
	third.Close()
}

// letIn accepts whoever comes to a door until it closes.
func letIn(d net.Listener, in chan<- net.Conn) {
	for {
		c, err := d.Accept()
		if err != nil {
			return
		}
		in <- c
	}
}

// first is the first connection that comes to any door.
func first(g *gate) net.Conn {
	in := make(chan net.Conn)
	for _, d := range g.doors {
		go letIn(d, in)
	}
	return <-in
}

// An accept that fails takes no place.
func TestGate_FailedAcceptTakesNoPlace(t *testing.T) {
	t.Parallel()
	g := openGate(t, 1)
	g.close()
	for _, d := range g.doors {
		if _, err := d.Accept(); err == nil {
			t.Fatal("accepted")
		}
	}
	if n := g.open(); n != 0 {
		t.Errorf("%d places are taken", n)
	}
}

// Connections tell their stream apart from other answers, and their files come back.
func TestGate_IntroducesConnections(t *testing.T) {
	t.Parallel()
	g := openGate(t, 10)
	c := dial(t, g)
	accepted := first(g)
	if introduce(t.Context(), accepted) == t.Context() {
		t.Error("a stream would not know its connection")
	}
	if introduce(t.Context(), c) != t.Context() {
		t.Error("a foreign connection is introduced")
	}
	accepted.Close()
}

// A node that leaves ends its connections after an answer, not before one.
func TestSendOff(t *testing.T) {
	t.Parallel()
	for _, leaving := range []bool{false, true} {
		s := httptest.NewServer(sendOff(http.NotFoundHandler(), func() bool { return leaving }))
		res, err := s.Client().Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		if res.Close != leaving {
			t.Errorf("leaving %t: the connection closes: %t", leaving, res.Close)
		}
		s.Close()
	}
}

// A node whose clients hold all connections still stops.
func TestGate_FullServerStops(t *testing.T) {
	t.Parallel()
	g := openGate(t, 1)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- serveHTTP(ctx, newHTTPServer(http.NotFoundHandler()), func(context.Context) {}, g.doors...)
	}()
	c := dial(t, g)
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
		t.Fatal(err)
	}
	stop()
	select {
	case err := <-done:
		if err != nil && !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	case <-time.After(startLimit):
		t.Error("the server does not stop")
	}
}
