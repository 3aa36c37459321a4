package main

import (
	"net"
	"syscall"
	"testing"

	"dateline/internal/stream"

	"golang.org/x/sys/unix"
)

// Every accepted connection is one whose peer is missed when it is gone without a
// word, within half a minute, and for which the kernel keeps little that was not
// sent.
func TestGate_TunesConnections(t *testing.T) {
	t.Parallel()
	g := openGate(t, 10)
	dial(t, g)
	c := first(g)
	defer c.Close()
	raw, err := c.(*stream.Conn).Conn.(*net.TCPConn).SyscallConn()
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
