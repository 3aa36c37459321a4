//go:build !linux

package postgres

import "syscall"

// setUserTimeout does nothing on this system: keep-alive detects a silent peer later.
func setUserTimeout(string, string, syscall.RawConn) error { return nil }
