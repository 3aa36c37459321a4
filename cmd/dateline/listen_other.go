//go:build !linux

package main

import (
	"context"
	"net"
)

// listen opens the queue of an address.
func listen(ctx context.Context, address string) ([]net.Listener, error) {
	l, err := (&net.ListenConfig{KeepAliveConfig: keepAlive}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return []net.Listener{l}, nil
}
