package netfault

import (
	"context"
	"net"
	"syscall"
	"time"
)

// The kernel's queue of connections that nobody has accepted: as short as can
// be, and as long as the system allows.
const (
	shortest = 0
	longest  = 4096
)

// fillQueue leaves no place for a connection that nobody accepts, so that the
// kernel drops what asks for one. It returns what takes the last place, nil when
// a client was faster.
func fillQueue(ctx context.Context, l *net.TCPListener) net.Conn {
	setQueue(l, shortest)
	dialer := net.Dialer{Timeout: 100 * time.Millisecond}
	filler, err := dialer.DialContext(ctx, "tcp", l.Addr().String())
	if err != nil {
		return nil
	}
	return filler
}

func openQueue(l *net.TCPListener) { setQueue(l, longest) }

// setQueue uses that listen, called again, changes the length only.
func setQueue(l *net.TCPListener, length int) {
	raw, err := l.SyscallConn()
	if err != nil {
		return // it is closed
	}
	_ = raw.Control(func(fd uintptr) { _ = syscall.Listen(int(fd), length) }) // both fail when it is closed
}
