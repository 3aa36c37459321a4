package main

import "syscall"

// newGroup keeps a terminal's signals from a process that is started, and ends
// it when this one dies.
func newGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
