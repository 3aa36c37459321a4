//go:build unix && !linux

package testbed

import (
	"os/exec"
	"syscall"
)

// dieWithUs keeps a terminal's Ctrl-C from a child: the bed stops its parts in
// order. This system cannot signal children of a parent that dies.
func dieWithUs(cmd *exec.Cmd, _ syscall.Signal) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
}
