package program

import (
	"os/exec"
	"syscall"
)

// dieWithUs has the kernel signal a child when the thread that started it ends,
// and keeps a terminal's Ctrl-C from it: the bed stops its parts in order.
func dieWithUs(cmd *exec.Cmd, sig syscall.Signal) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pdeathsig = sig
}
