package stream

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"dateline/internal/listen"
)

// serveSockets serves a hub on real sockets, as a node does.
func serveSockets(t *testing.T, h *Hub) (address string) {
	t.Helper()
	l := openPort(t)
	s := &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.Serve(w, r, Request{BlogID: blogA, Position: Position{HasAfter: true}, Address: "192.0.2.1"})
		}),
		ConnContext: listen.ConnContext,
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(connListener{l}) }()
	t.Cleanup(func() { s.Close(); <-served })
	return l.Addr().String()
}

type connListener struct{ net.Listener }

func (l connListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return listen.NewConn(c, func() {}), nil
}

// Readers that come and go, at any point of a stream, leave nothing behind.
func TestServe_ChurnLeavesNothing(t *testing.T) {
	log := newMemoryLog()
	log.publish(300)
	h := startHub(t, log, roomy)
	address := serveSockets(t, h)
	visit(t, address, 1)
	goroutines, files := settled(t, h)
	var visitors sync.WaitGroup
	for range 40 {
		visitors.Go(func() {
			for range 50 {
				visit(t, address, rand.IntN(12_000))
			}
		})
	}
	for range 100 {
		log.publish(1)
		h.Wake(blogA, log.now().LastSeq)
	}
	visitors.Wait()
	g, f := settled(t, h)
	if g > goroutines+2 || f > files+2 {
		t.Errorf("%d goroutines and %d files after 2,000 visits, %d and %d before", g, f, goroutines, files)
	}
	if n := len(h.limits.addresses) + len(h.limits.blogs); n != 0 {
		t.Errorf("%d counts are kept", n)
	}
	if n := h.Readers()[blogA]; n != 0 {
		t.Errorf("the topic has %d readers", n)
	}
}

// visit opens a stream and leaves it without a word after some bytes.
func visit(t *testing.T, address string, size int) {
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if line, err := bufio.NewReaderSize(c, 16).ReadString(' '); err != nil || line != "HTTP/1.1 " {
		t.Errorf("%q %v", line, err)
	}
	_, _ = io.CopyN(io.Discard, c, int64(size)) // less than there is
}

// settled waits until no stream is open and gives what the process holds then.
func settled(t *testing.T, h *Hub) (goroutines, files int) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	last := -1
	for h.Streams() > 0 || last != goroutines || goroutines == 0 {
		if time.Now().After(deadline) {
			t.Fatalf("%d streams are open, %d goroutines run", h.Streams(), goroutines)
		}
		<-time.After(50 * time.Millisecond) // the streams' ends have no event
		last, goroutines = goroutines, runtime.NumGoroutine()
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil && !strings.Contains(runtime.GOOS, "linux") {
		return goroutines, 0
	}
	return goroutines, len(entries)
}

// A connection whose stream panics is counted out.
func TestServe_PanicIsCountedOut(t *testing.T) {
	h := startHub(t, newMemoryLog(), roomy)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	func() {
		defer func() { _ = recover() }()
		h.Serve(panicWriter{}, r, Request{BlogID: blogA, Address: "192.0.2.1"})
		t.Error("no panic")
	}()
	if n := h.Readers()[blogA]; n != 0 || h.Streams() != 0 {
		t.Errorf("%d readers, %d streams", n, h.Streams())
	}
}

type panicWriter struct{}

func (panicWriter) Header() http.Header       { return http.Header{} }
func (panicWriter) WriteHeader(int)           {}
func (panicWriter) Write([]byte) (int, error) { panic("write") }
