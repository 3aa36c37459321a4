//go:build !linux

package listen

import (
	"net"
	"syscall"
)

// On other systems the kernel's defaults hold, and a reader's progress is what the
// kernel takes from us.

// SetNotSentLowat does nothing here.
func SetNotSentLowat(_, _ string, _ syscall.RawConn) error { return nil }

func unacknowledged(net.Conn) int { return 0 }
