package main

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"dateline/internal/stream"

	"golang.org/x/sys/unix"
)

// queues is how many queues of connections the kernel fills in turn. Each holds
// as many as net.core.somaxconn says, 4096 by default.
const queues = 4

// listen opens the queues of an address. They share it by SO_REUSEPORT, with
// which a second server could take half of our readers unnoticed: so the address
// must be free of any other first.
func listen(ctx context.Context, address string) ([]net.Listener, error) {
	alone, err := (&net.ListenConfig{KeepAliveConfig: keepAlive}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	address = alone.Addr().String()
	if err := alone.Close(); err != nil {
		return nil, err
	}
	shared := net.ListenConfig{KeepAlive: -1, Control: prepare} // not for each connection: they inherit it
	shared.SetMultipathTCP(false)                               // else that depends on the order of the options
	var all []net.Listener
	for range queues {
		l, err := shared.Listen(ctx, "tcp", address)
		if err != nil {
			for _, opened := range all {
				opened.Close()
			}
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}

// userTimeout is how long a peer may leave bytes unacknowledged, or refuse to
// take any, before the kernel gives it up, in milliseconds.
const userTimeout = 30_000

// options are those of a queue. All but the first are for the connections that
// come from it, which inherit them (tcp(7)).
var options = []struct{ level, name, value int }{
	{unix.SOL_SOCKET, unix.SO_REUSEPORT, 1},
	{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
	{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, int(keepAlive.Idle / time.Second)},
	{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, int(keepAlive.Interval / time.Second)},
	{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepAlive.Count},
	{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, userTimeout},
}

// prepare sets the options of a queue.
func prepare(_, _ string, c syscall.RawConn) (err error) {
	outer := c.Control(func(fd uintptr) {
		for _, o := range options {
			err = errors.Join(err, os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(fd), o.level, o.name, o.value)))
		}
	})
	return errors.Join(outer, err, stream.KeepShort("", "", c))
}
