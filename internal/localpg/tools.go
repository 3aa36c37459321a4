//go:build unix

package localpg

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
)

// Tools are the PostgreSQL programs of this machine and the account that may run
// them, for a harness that makes clusters in its own way.
type Tools struct {
	programs programs
	account  account
}

// noData is the data directory of a cluster that is not there yet.
const noData = ""

// FindTools finds, or installs, the programs that a new cluster would be run with.
func FindTools(ctx context.Context, log *slog.Logger) (*Tools, error) {
	p, err := findPrograms(ctx, noData, log)
	if err != nil {
		return nil, err
	}
	a, err := serverAccount(noData)
	if err != nil {
		return nil, err
	}
	return &Tools{programs: p, account: a}, nil
}

// Major is the version: 15.
func (t *Tools) Major() int { return t.programs.major }

// Command is a program of PostgreSQL as the account, without our environment.
// The end of ctx kills it.
func (t *Tools) Command(ctx context.Context, program string, args ...string) *exec.Cmd {
	return (&Cluster{programs: t.programs, account: t.account}).command(ctx, program, args...)
}

// MakeDir makes a directory that only the account can read.
func (t *Tools) MakeDir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return t.account.give(dir)
}

// WriteFile writes a file that only the account can read.
func (t *Tools) WriteFile(path, text string) error {
	return (&Cluster{account: t.account}).writeFor(path, text)
}

// CheckDir refuses a directory that the account cannot enter.
func (t *Tools) CheckDir(dir string) error {
	if closed := firstClosed(dir, t.account); t.account.switched && closed != "" {
		return fmt.Errorf("PostgreSQL runs as user %s, who cannot enter %s: choose another directory", t.account.name, closed)
	}
	return nil
}

// IDs are the user and group of the account.
func (t *Tools) IDs() (uid, gid int) { return t.account.uid, t.account.gid }
