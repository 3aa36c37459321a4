//go:build unix

package testbed

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"sync"

	"dateline/internal/localpg"
)

// Fresh is the data of a new cluster, which the beds of a run copy: that takes a
// fraction of the time of initdb. These beds have one password and one system
// identifier; within a bed, all is as if initdb had made it.
type Fresh struct {
	dir      string
	password string

	mu   sync.Mutex
	made bool
}

// NewFresh returns one that the first bed makes, in a directory that PostgreSQL's
// account can enter.
func NewFresh(dir string) *Fresh {
	return &Fresh{dir: filepath.Join(dir, "fresh"), password: rand.Text()}
}

// copyTo makes the data directory of a server.
func (f *Fresh) copyTo(ctx context.Context, tools *localpg.Tools, dir string) error {
	if err := f.make(ctx, tools); err != nil {
		return err
	}
	return copyTree(tools, f.dir, dir, nothing)
}

// make leaves nothing when it fails, so that the next bed tries again.
func (f *Fresh) make(ctx context.Context, tools *localpg.Tools) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.made {
		return nil
	}
	if err := initdb(ctx, tools, f.dir, f.password); err != nil {
		return errors.Join(err, os.RemoveAll(f.dir))
	}
	f.made = true
	return nil
}

// initdb makes the data of a cluster in a directory that is missing.
func initdb(ctx context.Context, tools *localpg.Tools, dir, password string, flags ...string) error {
	file := dir + ".password"
	if err := tools.WriteFile(file, password); err != nil {
		return err
	}
	defer os.Remove(file)
	if err := tools.MakeDir(dir); err != nil {
		return err
	}
	args := []string{"-D", dir, "-U", superuser, "--auth=scram-sha-256", "--pwfile=" + file, "-E", "UTF8", "--locale=C", "--no-sync"}
	return run(tools.Command(ctx, "initdb", append(args, flags...)...))
}
