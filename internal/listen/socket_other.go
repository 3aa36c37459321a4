//go:build !linux

package listen

import (
	"context"
	"net"
)

// openSockets opens the listening socket of an address.
func openSockets(ctx context.Context, address string) ([]net.Listener, error) {
	socket, err := (&net.ListenConfig{KeepAliveConfig: keepAlive}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return []net.Listener{socket}, nil
}
