package listen

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// socketPair is both ends of a TCP connection; the reader's end has a small receive buffer.
func socketPair(t *testing.T) (ours *Conn, readers *net.TCPConn) {
	t.Helper()
	config := net.ListenConfig{Control: SetNotSentLowat}
	config.SetMultipathTCP(false)
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		c, _ := l.Accept() // the test fails without it
		accepted <- c
	}()
	d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) (err error) {
		_ = c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 2<<10) })
		return err
	}}
	there, err := d.DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ours, readers = NewConn(<-accepted, func() {}), there.(*net.TCPConn)
	t.Cleanup(func() { ours.Close(); readers.Close() })
	return ours, readers
}

// A reader that takes little is slow, not dead.
func TestConn_SlowReaderIsKept(t *testing.T) {
	t.Parallel()
	ours, readers := socketPair(t)
	ours.BeginStream(500*time.Millisecond, func() bool { return false })
	const size = 256 << 10
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go readSlowly(ctx, readers, 256, 20*time.Millisecond)
	written := make(chan error, 1)
	go func() {
		_, err := ours.Write(make([]byte, size))
		written <- err
	}()
	select {
	case err := <-written:
		t.Fatalf("closed, or the kernel took everything: %v", err)
	case <-time.After(3 * time.Second):
	}
	stop()
	go io.Copy(io.Discard, readers)
	if err := <-written; err != nil {
		t.Errorf("the slow reader was closed: %v", err)
	}
}

// readSlowly reads a few bytes now and then.
func readSlowly(ctx context.Context, r io.Reader, size int, pause time.Duration) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_, _ = r.Read(make([]byte, size)) // its end is the other side's
		}
	}
}

// A reader that takes nothing is closed, and not before its timeout.
func TestConn_StalledReaderIsClosed(t *testing.T) {
	t.Parallel()
	ours, _ := socketPair(t)
	const timeout = 500 * time.Millisecond
	ours.BeginStream(timeout, func() bool { return false })
	began := time.Now()
	n, err := ours.Write(make([]byte, 8<<20))
	took := time.Since(began)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v after %d bytes", err, n)
	}
	if took < timeout || took > 3*timeout {
		t.Errorf("closed after %s", took)
	}
	if n > 256<<10 {
		t.Errorf("the kernel took %d bytes for a reader that reads none", n)
	}
}

// A reader that takes a byte now and then does not hold what it was sent for ever.
func TestConn_SlowestReaderIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const timeout = 20 * time.Second
		here, there := net.Pipe()
		c := NewConn(there, func() {})
		c.BeginStream(timeout, func() bool { return false })
		ctx, stop := context.WithCancel(t.Context())
		go readSlowly(ctx, here, 1, timeout/2)
		began := time.Now()
		if _, err := c.Write(make([]byte, 64<<10)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
		if took := time.Since(began); took < 9*time.Minute || took > 11*time.Minute {
			t.Errorf("closed after %s", took)
		}
		stop()
		_, _ = here.Close(), there.Close()
	})
}
