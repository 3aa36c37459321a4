package stream

import (
	"errors"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// unsent is how much the kernel keeps of a stream before its reader's window has
// room for it, in bytes. The rest stays in the ring, which is shared.
const unsent = 16 << 10

// KeepShort is for net.ListenConfig.Control. It keeps the kernel from taking
// megabytes for a reader who does not read: connections inherit that from their
// listener, so that none has to be told, but for one of Multipath TCP. Without it
// a stream's patience is what is left.
func KeepShort(_, _ string, listener syscall.RawConn) (err error) {
	outer := listener.Control(func(fd uintptr) {
		err = os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsent))
	})
	return errors.Join(outer, err)
}

// unacknowledged is how many bytes were written that the peer's kernel does not
// have, or 0 when that is not known.
func unacknowledged(c net.Conn) (n int) {
	withSocket(c, func(fd int) {
		n, _ = unix.IoctlGetInt(fd, unix.SIOCOUTQ)
	})
	return n
}

// withSocket calls f with the connection's socket, if it has one.
func withSocket(c net.Conn, f func(fd int)) {
	s, ok := c.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { f(int(fd)) }) // fails once it is closed, which the next write tells
}
