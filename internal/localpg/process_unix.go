//go:build unix && !linux

package localpg

import "syscall"

// attributes put the server into a process group of its own, so that Ctrl-C in a terminal
// signals only this process.
func (a account) attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if a.switched {
		attr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
	return attr
}
