package listen

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

// openAny listens on a free port until the test ends.
func openAny(t *testing.T, connections int) *Listeners {
	t.Helper()
	l, err := Open(t.Context(), "127.0.0.1:0", connections)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func dial(t *testing.T, l *Listeners) net.Conn {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// Connections beyond the limit wait, and are accepted when others close.
func TestListeners_LimitConnections(t *testing.T) {
	t.Parallel()
	l := openAny(t, 2)
	accepted := make(chan net.Conn)
	go func() {
		defer close(accepted)
		var accepting sync.WaitGroup
		for _, one := range l.All() {
			accepting.Go(func() { acceptAll(one, accepted) })
		}
		accepting.Wait()
	}()
	for range 3 {
		dial(t, l)
	}
	first, second := <-accepted, <-accepted
	select {
	case <-accepted:
		t.Fatal("a third connection was accepted")
	case <-time.After(50 * time.Millisecond):
	}
	first.Close()
	first.Close() // frees its slot once
	third := <-accepted
	if n := l.Connections(); n != 2 {
		t.Errorf("%d connections are open, want 2", n)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, open := <-accepted; open {
		t.Error("closed listeners accept connections")
	}
	second.Close()
	third.Close()
}

// acceptAll accepts connections of a listener until it closes.
func acceptAll(l net.Listener, accepted chan<- net.Conn) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		accepted <- c
	}
}

// acceptFirst is the first connection that any of the listeners accepts.
func acceptFirst(l *Listeners) net.Conn {
	accepted := make(chan net.Conn)
	for _, one := range l.All() {
		go acceptAll(one, accepted)
	}
	return <-accepted
}

// An accept that fails takes no slot.
func TestListeners_FailedAcceptTakesNoSlot(t *testing.T) {
	t.Parallel()
	l := openAny(t, 1)
	l.Close()
	for _, one := range l.All() {
		if _, err := one.Accept(); err == nil {
			t.Fatal("accepted")
		}
	}
	if n := l.Connections(); n != 0 {
		t.Errorf("%d slots are taken", n)
	}
}

// The requests of an accepted connection find it in their context.
func TestConnContext_CarriesAcceptedConnections(t *testing.T) {
	t.Parallel()
	l := openAny(t, 10)
	c := dial(t, l)
	accepted := acceptFirst(l)
	if ctx := ConnContext(t.Context(), accepted); ConnOf(httptest.NewRequestWithContext(ctx, "GET", "/", nil)) != accepted {
		t.Error("a stream would not find its connection")
	}
	if ConnContext(t.Context(), c) != t.Context() {
		t.Error("a connection of another kind is in the context")
	}
	accepted.Close()
}

// A server whose clients hold all connections still stops.
func TestServe_StopsWhenFull(t *testing.T) {
	t.Parallel()
	l := openAny(t, 1)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- Serve(ctx, NewServer(http.NotFoundHandler()), time.Minute, func(context.Context) {}, l.All()...)
	}()
	c := dial(t, l)
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
	case <-time.After(30 * time.Second):
		t.Error("the server does not stop")
	}
}
