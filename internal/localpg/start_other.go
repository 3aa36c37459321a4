//go:build !unix

package localpg

import (
	"context"
	"errors"
	"log/slog"
	"os"
)

// Database is the database that every cluster has once Start returned.
const Database = "dateline"

var errSystem = errors.New("the embedded PostgreSQL does not run on this system: set DATABASE_URL")

// Config says where a cluster lives.
type Config struct {
	Dir      string
	Log      *slog.Logger
	Settings []string
}

// Cluster cannot be had on this system.
type Cluster struct{}

// Start refuses: this system has neither unix sockets with owners nor signals.
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

// TryLock refuses.
func TryLock(string) (*os.File, error) { return nil, errSystem }
