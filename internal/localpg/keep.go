//go:build unix

package localpg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	startLimit = 60 * time.Second       // recovery after a crash may take long
	pollEvery  = 25 * time.Millisecond  // until the server answers
	turnEvery  = 250 * time.Millisecond // until the lock is free
	restartGap = time.Second
)

// errBusy means that a previous server of the same data has not ended yet.
var errBusy = errors.New("a previous server has not ended yet")

// keep runs the server whenever this process gets the lock, until ctx ends. It sends the
// result of the first attempt to first, which is buffered, and returns if that failed.
func (c *Cluster) keep(ctx context.Context, first chan<- error) {
	// Linux sends the death signal of the parent when the thread that started the child
	// ends, so this goroutine keeps its thread.
	runtime.LockOSThread()
	defer close(c.done)
	up := false
	report := func(err error) {
		if !up {
			first <- err
			up = true
		}
	}
	for ctx.Err() == nil {
		err := c.takeTurn(ctx, report)
		if !up {
			report(err)
			return
		}
		if ctx.Err() == nil {
			c.config.Log.Error("PostgreSQL ended and will be started again", "error", err)
			pause(ctx, restartGap)
		}
	}
}

// takeTurn waits for the lock, then runs the server until it ends.
func (c *Cluster) takeTurn(ctx context.Context, report func(error)) error {
	lock, err := c.waitLock(ctx, report)
	if err != nil {
		return err
	}
	defer lock.Close()
	c.owner.Store(true)
	defer c.owner.Store(false)
	if err := c.makeSocketDir(c.socket); err != nil {
		return err
	}
	defer os.Remove(c.socket) // fails while a socket is in it, as it should
	if err := c.prepare(ctx); err != nil {
		return err
	}
	if err := c.stopOrphan(ctx); err != nil {
		return err
	}
	return c.runRetrying(ctx, report)
}

// waitLock waits for the lock. It reports success as soon as the server of another process
// answers.
func (c *Cluster) waitLock(ctx context.Context, report func(error)) (*os.File, error) {
	for attached := false; ctx.Err() == nil; pause(ctx, turnEvery) {
		lock, err := TryLock(c.lockFile())
		if lock != nil || err != nil {
			return lock, err
		}
		if !attached && c.readSecret() == nil && c.ping(ctx, Database) == nil {
			attached = true
			report(nil)
		}
	}
	return nil, ctx.Err()
}

// stopOrphan ends the server of a process that was killed. A server that accepts the
// password proves that the process in postmaster.pid is that server.
func (c *Cluster) stopOrphan(ctx context.Context) error {
	limit := time.Now().Add(startLimit)
	for ; time.Now().Before(limit) && ctx.Err() == nil; pause(ctx, pollEvery) {
		pid := c.recordedPID()
		if pid == 0 || syscall.Kill(pid, 0) == syscall.ESRCH || !c.answers(ctx) {
			return nil
		}
		c.config.Log.Info("stopping the PostgreSQL that a killed process left", "pid", pid)
		if err := syscall.Kill(pid, syscall.SIGINT); err != nil && err != syscall.ESRCH {
			return fmt.Errorf("stop the previous PostgreSQL, process %d: %w", pid, err)
		}
	}
	return errors.Join(ctx.Err(), errBusy)
}

// recordedPID returns the process id in postmaster.pid, or 0 without one.
func (c *Cluster) recordedPID() int {
	text, err := os.ReadFile(filepath.Join(c.dataDir(), "postmaster.pid"))
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || pid <= 1 {
		return 0
	}
	return pid
}

// runRetrying runs the server, and tries again while a previous one is ending.
func (c *Cluster) runRetrying(ctx context.Context, report func(error)) error {
	limit := time.Now().Add(startLimit)
	for {
		err := c.run(ctx, report)
		if !errors.Is(err, errBusy) || time.Now().After(limit) || ctx.Err() != nil {
			return err
		}
		pause(ctx, turnEvery)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
