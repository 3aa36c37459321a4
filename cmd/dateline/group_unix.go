//go:build unix

package main

import "syscall"

// newGroup keeps a terminal's signals from a process that is started.
func newGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
