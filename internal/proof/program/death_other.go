//go:build unix && !linux

package program

import (
	"os/exec"
	"syscall"
)

// dieWithUs keeps a terminal's Ctrl-C from a child: the test stops its processes in
// order. This system cannot signal children of a parent that dies.
func dieWithUs(cmd *exec.Cmd, _ syscall.Signal) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
}
