//go:build !linux

package postgres

import "syscall"

// setUserTimeout has nothing to set here; keep-alive notices a silent peer later.
func setUserTimeout(string, string, syscall.RawConn) error { return nil }
