package listen

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// acceptQueues is how many accept queues the kernel fills in turn. Each holds as
// many connections as net.core.somaxconn says, 4096 by default.
const acceptQueues = 4

// openSockets opens the listening sockets of an address. They share it by
// SO_REUSEPORT, with which a second server could take half of our readers
// unnoticed: so the address must first be free of any other server.
func openSockets(ctx context.Context, address string) ([]net.Listener, error) {
	exclusive, err := (&net.ListenConfig{KeepAliveConfig: keepAlive}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	address = exclusive.Addr().String()
	if err := exclusive.Close(); err != nil {
		return nil, err
	}
	// Connections inherit keep-alive from the socket: Go need not set it on each.
	config := net.ListenConfig{KeepAlive: -1, Control: setOptions}
	config.SetMultipathTCP(false) // otherwise inheritance depends on the order of the options
	var sockets []net.Listener
	for range acceptQueues {
		socket, err := config.Listen(ctx, "tcp", address)
		if err != nil {
			for _, opened := range sockets {
				opened.Close()
			}
			return nil, err
		}
		sockets = append(sockets, socket)
	}
	return sockets, nil
}

// userTimeout is how long, in milliseconds, a peer may leave bytes unacknowledged
// or keep its window closed before the kernel drops the connection.
const userTimeout = 30_000

// options are set on each listening socket. All but the first are meant for the
// accepted connections, which inherit them (tcp(7)).
var options = []struct{ level, name, value int }{
	{unix.SOL_SOCKET, unix.SO_REUSEPORT, 1},
	{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
	{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, int(keepAlive.Idle / time.Second)},
	{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, int(keepAlive.Interval / time.Second)},
	{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepAlive.Count},
	{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, userTimeout},
}

// setOptions is for net.ListenConfig.Control.
func setOptions(_, _ string, c syscall.RawConn) (err error) {
	outer := c.Control(func(fd uintptr) {
		for _, o := range options {
			err = errors.Join(err, os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(fd), o.level, o.name, o.value)))
		}
	})
	return errors.Join(outer, err, SetNotSentLowat("", "", c))
}
