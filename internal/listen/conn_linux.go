package listen

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// notSentLowat is how many bytes of a stream the kernel buffers before the
// reader's window has room for them. The remaining frames stay in the ring, which
// all readers share.
const notSentLowat = 16 << 10

// SetNotSentLowat is for net.ListenConfig.Control. It keeps the kernel from
// buffering megabytes for a reader that does not read. Connections inherit the
// option from their listening socket, except those of Multipath TCP; without it,
// the idle timeout of a stream is the only bound.
func SetNotSentLowat(_, _ string, socket syscall.RawConn) (err error) {
	outer := socket.Control(func(fd uintptr) {
		err = os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, notSentLowat))
	})
	return errors.Join(outer, err)
}

// unacknowledged is how many written bytes the peer's kernel has not acknowledged,
// or 0 when that is not known.
func unacknowledged(c net.Conn) (n int) {
	s, ok := c.(syscall.Conn)
	if !ok {
		return 0
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return 0
	}
	// Control fails once the connection is closed, which the next write reports.
	_ = raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
	return n
}

// Detach takes the socket out of the connection, as another descriptor, and closes
// what Go keeps beside it: the poller's record and its timers. net/http finds its
// connection closed and reuses its two buffers of 4 KB, which it would not do after
// a hijack. The caller calls release once it has closed the descriptor. After an
// error the connection is unchanged.
func (c *Conn) Detach() (fd int, release func(), err error) {
	socket, ok := c.Conn.(syscall.Conn)
	if !ok {
		return 0, nil, fmt.Errorf("%T has no socket", c.Conn)
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0, nil, err
	}
	controlErr := raw.Control(func(s uintptr) { fd, err = unix.FcntlInt(s, unix.F_DUPFD_CLOEXEC, 0) })
	if err := errors.Join(controlErr, err); err != nil {
		return 0, nil, err
	}
	release = c.takeRelease()
	c.Conn.Close()
	return fd, release, nil
}
