package postgres

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// userTimeout bounds how long sent data may remain unacknowledged, in milliseconds.
const userTimeout = 15_000

// setUserTimeout makes the kernel close a connection whose peer does not acknowledge
// data within userTimeout. Keep-alive does not probe while data is unacknowledged
// (tcp(7), TCP_USER_TIMEOUT).
func setUserTimeout(network, _ string, raw syscall.RawConn) error {
	if network == "unix" {
		return nil
	}
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, userTimeout)
	})
	if err != nil {
		return err
	}
	return failed
}
