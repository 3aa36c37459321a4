package localpg

import "syscall"

// attributes put the server into its own process group, so that Ctrl-C in a
// terminal reaches only us; and when we are killed, the kernel asks it to stop.
func (a account) attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGINT}
	if a.switched {
		attr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
	return attr
}
