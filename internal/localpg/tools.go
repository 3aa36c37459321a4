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

// Tools are the PostgreSQL programs of this machine and the account that runs them. They are
// for a harness that creates clusters by itself.
type Tools struct {
	programs programs
	account  account
}

// noData is the data directory of a cluster that does not exist yet.
const noData = ""

// toolPrograms are the programs that a harness needs. The npm package has only those of the
// server.
var toolPrograms = append(slices.Clone(serverPrograms), "pg_basebackup", "pg_dump", "pg_restore")

// FindTools returns the programs for a new cluster, all of one directory, preferably those of
// the machine. It skips directories that lack one of them.
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

// Describe returns the version of the server program and the directory of all programs.
func (t *Tools) Describe(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, filepath.Join(t.programs.dir, "postgres"), "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ask PostgreSQL for its version: %w", err)
	}
	_, version, _ := strings.Cut(strings.TrimSpace(string(out)), "(PostgreSQL) ")
	return fmt.Sprintf("PostgreSQL %s in %s", version, t.programs.dir), nil
}

// Major returns the major version, such as 15.
func (t *Tools) Major() int { return t.programs.major }

// Command returns a command that runs a program of PostgreSQL as the account, without the
// environment of this process. The end of ctx kills it.
func (t *Tools) Command(ctx context.Context, program string, args ...string) *exec.Cmd {
	return (&Cluster{programs: t.programs, account: t.account}).command(ctx, program, args...)
}

// MakeDir creates a directory that only the account can read.
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

// CheckDir returns an error for a directory that the account cannot enter.
func (t *Tools) CheckDir(dir string) error {
	if closed := firstClosed(dir, t.account); t.account.switched && closed != "" {
		return fmt.Errorf("PostgreSQL runs as user %s, who cannot enter %s: choose another directory", t.account.name, closed)
	}
	return nil
}

// IDs returns the user and group of the account.
func (t *Tools) IDs() (uid, gid int) { return t.account.uid, t.account.gid }
