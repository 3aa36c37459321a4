//go:build !unix

package localpg

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
)

// Database is the database that every cluster has once Start returned.
const Database = "dateline"

var errSystem = errors.New("the embedded PostgreSQL does not run on this system: set DATABASE_URL")

// Config says where a cluster is.
type Config struct {
	Dir      string
	Log      *slog.Logger
	Settings []string
}

// Cluster is not available on this system.
type Cluster struct{}

// Start returns an error: this system has neither unix sockets with owners nor signals.
func Start(context.Context, Config) (*Cluster, error) { return nil, errSystem }

// DSN is empty.
func (c *Cluster) DSN(string) string { return "" }

// Describe is empty.
func (c *Cluster) Describe() string { return "" }

// PID is 0.
func (c *Cluster) PID() int { return 0 }

// Close does nothing.
func (c *Cluster) Close() error { return nil }

// Kill does nothing.
func (c *Cluster) Kill() error { return nil }

// TryLock returns an error.
func TryLock(string) (*os.File, error) { return nil, errSystem }

// Tools are not available on this system.
type Tools struct{}

// FindTools returns an error.
func FindTools(context.Context, *slog.Logger) (*Tools, error) { return nil, errSystem }

// Major is 0.
func (t *Tools) Major() int { return 0 }

// Command is a program that does not exist.
func (t *Tools) Command(ctx context.Context, program string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, program, args...)
}

// MakeDir returns an error.
func (t *Tools) MakeDir(string) error { return errSystem }

// WriteFile returns an error.
func (t *Tools) WriteFile(string, string) error { return errSystem }

// CheckDir returns an error.
func (t *Tools) CheckDir(string) error { return errSystem }

// IDs are 0.
func (t *Tools) IDs() (uid, gid int) { return 0, 0 }
