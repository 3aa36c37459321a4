package main

import (
	"context"
	"net"
	"syscall"

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
	shared := net.ListenConfig{KeepAliveConfig: keepAlive, Control: sharePort}
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

func sharePort(_, _ string, c syscall.RawConn) error {
	var err error
	if controlErr := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}); controlErr != nil {
		return controlErr
	}
	return err
}
