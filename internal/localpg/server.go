//go:build unix

package localpg

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// stopLimit is how long a fast shutdown of the server may take.
const stopLimit = 20 * time.Second

// run starts the server, reports when it answers, and returns when it has ended.
func (c *Cluster) run(ctx context.Context, report func(error)) error {
	s, err := c.startServer()
	if err != nil {
		return err
	}
	c.pid.Store(int64(s.cmd.Process.Pid))
	defer c.pid.Store(0)
	if err := c.waitUp(ctx, s); err != nil {
		s.end(syscall.SIGINT)
		return err
	}
	if err := c.ensureDatabase(ctx); err != nil {
		s.end(syscall.SIGINT)
		return err
	}
	report(nil)
	select {
	case <-ctx.Done():
		s.end(syscall.Signal(c.ending.Load()))
		return nil
	case <-s.exited:
		return fmt.Errorf("PostgreSQL ended by itself (%w), see %s", s.err, c.logFile())
	}
}

// server is the child process; err is set before exited is closed.
type server struct {
	cmd    *exec.Cmd
	exited chan struct{}
	err    error
}

func (c *Cluster) startServer() (*server, error) {
	log, err := c.openLog()
	if err != nil {
		return nil, err
	}
	defer log.Close()
	args := []string{"-D", c.dataDir(), "-k", c.socket, "-p", port, "-c", "listen_addresses=", "-c", "unix_socket_permissions=0700"}
	for _, s := range c.config.Settings {
		args = append(args, "-c", s)
	}
	// The command has no context: end shuts it down in order.
	s := &server{cmd: c.command(context.Background(), "postgres", args...), exited: make(chan struct{})}
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", s.cmd.Path, err)
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.exited)
	}()
	return s, nil
}

// openLog creates the log and keeps the one of the previous run.
func (c *Cluster) openLog() (*os.File, error) {
	if err := os.Rename(c.logFile(), c.logFile()+".old"); err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	return os.OpenFile(c.logFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
}

// end sends a signal and waits. A server that does not stop within stopLimit gets the signal
// for an immediate shutdown.
func (s *server) end(sig syscall.Signal) {
	_ = s.cmd.Process.Signal(sig) // fails only if the process has ended
	select {
	case <-s.exited:
		return
	case <-time.After(stopLimit):
	}
	_ = s.cmd.Process.Signal(syscall.SIGQUIT)
	<-s.exited
}

func (c *Cluster) waitUp(ctx context.Context, s *server) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		err := c.ping(ctx, maintenance)
		if err == nil || isRefusal(err) {
			return err
		}
		select {
		case <-s.exited:
			return c.startFailure()
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL in %s does not answer: %w (last: %w)", c.dir, ctx.Err(), err)
		case <-time.After(pollEvery):
		}
	}
}

// startFailure returns an error with the last lines of the server's log.
func (c *Cluster) startFailure() error {
	text, err := os.ReadFile(c.logFile())
	if err != nil {
		return fmt.Errorf("PostgreSQL did not start: %w", err)
	}
	why := lastLines(string(text), 3)
	if strings.Contains(why, "shared memory block") || strings.Contains(why, "lock file") {
		return fmt.Errorf("%w: %s", errBusy, why)
	}
	return fmt.Errorf("PostgreSQL did not start in %s, its data is untouched: %s (see %s)", c.dataDir(), why, c.logFile())
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "; ")
}
