//go:build unix

package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	pollEvery = 20 * time.Millisecond // until a process does what is waited for
	killLimit = 10 * time.Second      // for the kernel, after SIGKILL
)

// process is a child; err is set before exited is closed.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{}
	err    error
}

// spawn starts a command whose output goes to the end of a file. The child gets
// the signal when the harness dies, where the system can do that.
func (b *Bed) spawn(cmd *exec.Cmd, log string, death syscall.Signal) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := b.spawner.Start(cmd, death); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	p := &process{cmd: cmd, exited: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// pid is 0 for no process.
func (p *process) pid() int {
	if p == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

func (p *process) running() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// ending is how a process that does not run came to that.
func (p *process) ending() error {
	if p == nil {
		return errors.New("it was never started")
	}
	if p.err == nil {
		return errors.New("it has ended")
	}
	return p.err
}

// signal does nothing to a process that has ended.
func (p *process) signal(sig syscall.Signal) {
	if p.running() {
		_ = p.cmd.Process.Signal(sig) // fails only when it has just ended
	}
}

// kill ends the process and waits for its end.
func (p *process) kill() {
	if p == nil {
		return
	}
	p.signal(syscall.SIGKILL)
	<-p.exited
}

// wait returns when the process has ended.
func (p *process) wait(ctx context.Context) error {
	select {
	case <-p.exited:
		return p.err
	case <-ctx.Done():
		return fmt.Errorf("process %d runs on: %w", p.pid(), ctx.Err())
	}
}

// family is a process and what it has started.
func (p *process) family() ([]int, error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	pids := []int{p.pid()}
	for _, one := range all {
		if one.parent == p.pid() && !one.zombie {
			pids = append(pids, one.pid)
		}
	}
	return pids, nil
}

// stopFamily stops a process and its children, those too that it was about to
// start, and returns them.
func (p *process) stopFamily() (pids []int, err error) {
	if !p.running() {
		return nil, nil
	}
	p.signal(syscall.SIGSTOP)
	for known := 0; ; known = len(pids) {
		if pids, err = p.family(); err != nil || len(pids) == known {
			return pids, err
		}
		signalAll(pids, syscall.SIGSTOP)
	}
}

// killFamily ends a process and its children at one moment, and returns when
// they are gone.
func (p *process) killFamily() error {
	if !p.running() {
		return nil
	}
	pids, err := p.stopFamily()
	signalAll(pids, syscall.SIGKILL)
	p.kill()
	return errors.Join(err, waitGone(pids))
}

func signalAll(pids []int, sig syscall.Signal) {
	for _, pid := range pids {
		_ = syscall.Kill(pid, sig) // some have ended meanwhile
	}
}

// waitGone waits for the ends of processes that are not our children.
func waitGone(pids []int) error {
	deadline := time.Now().Add(killLimit)
	for {
		left, err := alive(pids)
		if err != nil || len(left) == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("processes %v are still there %v after SIGKILL", left, killLimit)
		}
		time.Sleep(pollEvery)
	}
}

func alive(pids []int) (left []int, err error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	for _, pid := range pids {
		if one, found := all[pid]; found && !one.zombie {
			left = append(left, pid)
		}
	}
	return left, nil
}

// listed is a line of ps.
type listed struct {
	pid, parent int
	zombie      bool // ended, and nobody has asked how
	name        string
}

// processes are all of this machine, by id.
func processes() (map[int]listed, error) {
	out, err := exec.CommandContext(context.Background(), "ps", "-A", "-o", "pid=,ppid=,stat=,args=").Output()
	if err != nil {
		return nil, fmt.Errorf("list the processes: %w", err)
	}
	all := make(map[int]listed)
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) < 4 {
			continue
		}
		pid, err1 := strconv.Atoi(fields[0])
		parent, err2 := strconv.Atoi(fields[1])
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		all[pid] = listed{pid, parent, strings.HasPrefix(fields[2], "Z"), strings.Join(fields[3:], " ")}
	}
	return all, nil
}
