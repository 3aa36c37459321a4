//go:build unix

package program

import (
	"errors"
	"os/exec"
	"runtime"
	"syscall"
)

// Spawner starts processes from one thread. Linux signals children when the
// thread that started them ends, so that it must live as long as they do.
type Spawner struct {
	jobs chan func()
	quit chan struct{}
	done chan struct{}
}

// NewSpawner starts the thread.
func NewSpawner() *Spawner {
	s := &Spawner{jobs: make(chan func()), quit: make(chan struct{}), done: make(chan struct{})}
	go s.run()
	return s
}

// run never unlocks the thread, so that it ends with the goroutine.
func (s *Spawner) run() {
	runtime.LockOSThread()
	defer close(s.done)
	for {
		select {
		case job := <-s.jobs:
			job()
		case <-s.quit:
			return
		}
	}
}

// Start starts a command. Its process gets the signal when this one dies, where
// the system can do that, and stays away from a terminal's Ctrl-C.
func (s *Spawner) Start(cmd *exec.Cmd, death syscall.Signal) error {
	dieWithUs(cmd, death)
	result := make(chan error, 1)
	select {
	case s.jobs <- func() { result <- cmd.Start() }:
		return <-result
	case <-s.quit:
		return errors.New("the spawner is closed")
	}
}

// Close ends the thread. Processes that still run get their signal.
func (s *Spawner) Close() {
	close(s.quit)
	<-s.done
}
