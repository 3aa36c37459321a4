//go:build unix

package localpg

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
)

// Database is the database that every cluster has once Start returned.
const Database = "dateline"

const (
	user = "dateline" // the superuser of the cluster
	port = "5432"     // only part of the socket's name: there is no TCP port

	maintenance = "postgres" // the database that is there from the beginning
)

// Config says where a cluster is.
type Config struct {
	Dir      string       // holds the data (pg), the password and the log; Start creates it
	Log      *slog.Logger // slog.Default() when nil
	Settings []string     // more server settings, each "name=value"
}

// Cluster is a running server. This process or another one runs it.
type Cluster struct {
	config   Config
	dir      string // Config.Dir, or its replacement if the account cannot enter that
	socket   string // the directory of the unix socket
	account  account
	programs programs
	secret   string // set before Start returns, then constant

	owner  atomic.Bool  // this process runs the server
	pid    atomic.Int64 // of the server that this process runs
	ending atomic.Int32 // the signal that ends the server
	stop   context.CancelFunc
	done   chan struct{}
	once   sync.Once
}

// Start returns when the cluster of a data directory answers. It creates the cluster in a
// new directory, and uses the server that another process runs. ctx bounds the start
// only.
func Start(ctx context.Context, config Config) (*Cluster, error) {
	c, err := newCluster(ctx, config)
	if err != nil {
		return nil, err
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	c.stop = stop
	first := make(chan error, 1)
	go c.keep(run, first)
	select {
	case err = <-first:
	case <-ctx.Done():
		err = fmt.Errorf("start PostgreSQL in %s: %w", c.dir, ctx.Err())
	}
	if err != nil {
		return nil, joinClose(err, c)
	}
	return c, nil
}

func newCluster(ctx context.Context, config Config) (*Cluster, error) {
	if config.Log == nil {
		config.Log = slog.Default()
	}
	c := &Cluster{config: config, done: make(chan struct{})}
	c.ending.Store(int32(syscall.SIGINT))
	if err := c.chooseDirs(); err != nil {
		return nil, err
	}
	var err error
	c.programs, err = findPrograms(ctx, c.dataDir(), config.Log)
	return c, err
}

// DSN returns the connection string of a database of the cluster, with the password.
func (c *Cluster) DSN(db string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(user, c.secret), Path: "/" + db}
	u.RawQuery = url.Values{"host": {c.socket}, "port": {port}}.Encode()
	return u.String()
}

// Describe names the PostgreSQL and its directory, without the password.
func (c *Cluster) Describe() string {
	how := "run by this process"
	if !c.owner.Load() {
		how = "run by another process"
	}
	return fmt.Sprintf("embedded PostgreSQL %d in %s, %s", c.programs.major, c.dir, how)
}

// PID returns the process id of the server, or 0 if another process runs it.
func (c *Cluster) PID() int { return int(c.pid.Load()) }

// Close stops the server if this process runs it, and waits for its end. It disconnects
// clients; what they committed is durable.
func (c *Cluster) Close() error {
	c.once.Do(c.stop)
	<-c.done
	return nil
}

// Kill ends the server like a crash, without a checkpoint.
func (c *Cluster) Kill() error {
	c.ending.Store(int32(syscall.SIGKILL))
	return c.Close()
}

func (c *Cluster) dataDir() string    { return filepath.Join(c.dir, "pg") }
func (c *Cluster) logFile() string    { return filepath.Join(c.dir, "pg.log") }
func (c *Cluster) lockFile() string   { return filepath.Join(c.dir, "pg.lock") }
func (c *Cluster) secretFile() string { return filepath.Join(c.dir, "pg.secret") }

func joinClose(err error, c *Cluster) error {
	if closeErr := c.Close(); closeErr != nil {
		return fmt.Errorf("%w (%w)", err, closeErr)
	}
	return err
}

// TryLock locks a file exclusively and creates it if it does not exist. It returns nil if
// another open file holds the lock. Closing the file, or the end of the process, releases
// the lock.
func TryLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, nil
	}
	return nil, &os.PathError{Op: "lock", Path: path, Err: err}
}
