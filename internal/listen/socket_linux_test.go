package listen

import (
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// On every accepted connection the kernel detects within half a minute that the
// peer disappeared, and buffers little that was not sent.
func TestListeners_SetOptionsOfConnections(t *testing.T) {
	t.Parallel()
	l := openAny(t, 10)
	dial(t, l)
	c := acceptFirst(l)
	defer c.Close()
	raw, err := c.(*Conn).Conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for _, option := range []struct {
		name              string
		level, option, is int
	}{
		{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{"TCP_KEEPIDLE", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 10},
		{"TCP_KEEPINTVL", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 5},
		{"TCP_KEEPCNT", unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 3},
		{"TCP_USER_TIMEOUT", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 30_000},
		{"TCP_NOTSENT_LOWAT", unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, 16 << 10},
	} {
		got, err := socketOption(raw, option.level, option.option)
		if err != nil || got != option.is {
			t.Errorf("%s is %d %v, want %d", option.name, got, err, option.is)
		}
	}
}

func socketOption(c syscall.RawConn, level, option int) (value int, err error) {
	outer := c.Control(func(fd uintptr) { value, err = unix.GetsockoptInt(int(fd), level, option) })
	if outer != nil {
		return 0, outer
	}
	return value, err
}
