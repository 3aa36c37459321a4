//go:build !linux

package netfault

import (
	"context"
	"net"
)

// fillQueue does nothing: connections are made by the kernel, and wait there.
func fillQueue(context.Context, *net.TCPListener) net.Conn { return nil }

func openQueue(*net.TCPListener) {}
