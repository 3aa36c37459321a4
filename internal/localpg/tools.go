//go:build unix

package localpg

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Tools are the PostgreSQL programs of this machine and the account that may run
// them, for a harness that makes clusters in its own way.
type Tools struct {
	programs programs
	account  account
}

// noData is the data directory of a cluster that is not there yet.
const noData = ""

// toolPrograms are what a harness uses besides the server. The npm package lacks
// all but the server's own.
var toolPrograms = append(slices.Clone(serverPrograms), "pg_basebackup", "pg_dump", "pg_restore")

// FindTools finds the programs that a new cluster would be run with: all of one
// place, the machine's own first. A place that lacks one of them is not taken.
func FindTools(ctx context.Context, log *slog.Logger) (*Tools, error) {
	own, packaged := installed(ctx, toolPrograms)
	p, ok := pick(own, packaged, 0)
	if !ok {
		return nil, fmt.Errorf("%w that has all of %v in one directory: install PostgreSQL %d or newer with its client programs "+
			"(for example `apt-get install postgresql`), or name its directory in DATELINE_PG_BIN", errNone, toolPrograms, oldest)
	}
	a, err := serverAccount(noData)
	if err != nil {
		return nil, err
	}
	log.Debug("PostgreSQL programs", "dir", p.dir, "major", p.major)
	return &Tools{programs: p, account: a}, nil
}

// Describe tells the version of the server program and where all programs are.
func (t *Tools) Describe(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, filepath.Join(t.programs.dir, "postgres"), "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ask PostgreSQL for its version: %w", err)
	}
	_, version, _ := strings.Cut(strings.TrimSpace(string(out)), "(PostgreSQL) ")
	return fmt.Sprintf("PostgreSQL %s in %s", version, t.programs.dir), nil
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
