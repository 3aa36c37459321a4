//go:build unix

package localpg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	startLimit = 60 * time.Second       // recovery after a crash may replay much
	stopLimit  = 20 * time.Second       // then the server is told to stop at once
	pollEvery  = 25 * time.Millisecond  // until the server answers
	turnEvery  = 250 * time.Millisecond // until the lock is free
	restartGap = time.Second
)

// errBusy tells that a previous server of the same data has not gone yet.
var errBusy = errors.New("a previous server has not ended yet")

// keep runs the server, whenever it is this process's turn, until ctx ends. The
// result of the first attempt goes to first.
func (c *Cluster) keep(ctx context.Context, first chan<- error) {
	// Linux sends the parent's death signal when the thread that started the
	// child ends, so this goroutine keeps its thread for its whole life.
	runtime.LockOSThread()
	defer close(c.done)
	report := func(err error) {
		select {
		case first <- err:
		default:
		}
	}
	for ctx.Err() == nil {
		err := c.takeTurn(ctx, report)
		if ctx.Err() != nil {
			return
		}
		report(err)
		c.config.Log.Error("PostgreSQL ended and will be started again", "error", err)
		pause(ctx, restartGap)
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
	defer os.Remove(c.socket) // fails, rightly, while a socket is in it
	if err := c.prepare(ctx); err != nil {
		return err
	}
	if err := c.stopOrphan(ctx); err != nil {
		return err
	}
	return c.runRetrying(ctx, report)
}

// waitLock reports success as soon as the server of another process answers.
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

// stopOrphan ends the server of a process that was killed. The answer to our
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

// recordedPID is the first line of postmaster.pid, 0 without one.
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

// runRetrying waits out the last seconds of a previous server.
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
	s := &server{cmd: c.command("postgres", args...), exited: make(chan struct{})}
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

// openLog keeps the log of the previous run beside the new one.
func (c *Cluster) openLog() (*os.File, error) {
	if err := os.Rename(c.logFile(), c.logFile()+".old"); err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	return os.OpenFile(c.logFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
}

// end signals the server and waits; one that does not stop is told to stop at once.
func (s *server) end(sig syscall.Signal) {
	_ = s.cmd.Process.Signal(sig) // fails only when it has ended
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

// startFailure explains an early end by the server's own words.
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

func (c *Cluster) ping(ctx context.Context, db string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.DSN(db))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return conn.Ping(ctx)
}

// answers tells whether a server of ours is behind the socket, also while it starts or stops.
func (c *Cluster) answers(ctx context.Context) bool {
	err := c.ping(ctx, maintenance)
	return err == nil || sqlState(err) == cannotConnectNow
}

const (
	cannotConnectNow  = "57P03"
	duplicateDatabase = "42P04"
	invalidPassword   = "28P01"
)

// isRefusal tells an answer that waiting does not change: the password is wrong.
func isRefusal(err error) bool { return sqlState(err) == invalidPassword }

func sqlState(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

func (c *Cluster) ensureDatabase(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, c.DSN(maintenance))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var exists bool
	const query = `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`
	if err := conn.QueryRow(ctx, query, Database).Scan(&exists); err != nil || exists {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+Database)
	if sqlState(err) == duplicateDatabase {
		return nil
	}
	return err
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "; ")
}
