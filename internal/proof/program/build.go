// Package program builds the real product and starts processes that end with the
// test that started them. A Spawner's goroutine ends with Close.
package program

import (
	"context"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
)

// Build compiles the product into a directory and returns the path of the binary.
// Flags are those of go build.
func Build(ctx context.Context, dir, name string, flags ...string) (binary string, err error) {
	root, err := Root(ctx)
	if err != nil {
		return "", err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", err
	}
	binary = filepath.Join(dir, name)
	args := append([]string{"build", "-buildvcs=false", "-o", binary}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, "./cmd/dateline")...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w: %s", name, err, out)
	}
	return binary, readSources(root)
}

// readSources lists the directories that the product is built of. The go command
// sees a test do that, and runs it again when one of their files has changed: it
// cannot know by itself that the test depends on them.
func readSources(root string) error {
	for _, top := range []string{"cmd", "internal", "migrations", "web", "admin/dist"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && path == filepath.Join(root, "internal", "proof") {
				return fs.SkipDir
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("read the sources: %w", err)
		}
	}
	return nil
}

// Root returns the directory of the module that this program was started in.
func Root(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	mod := strings.TrimSpace(string(out))
	if filepath.Base(mod) != "go.mod" {
		return "", fmt.Errorf("find the module: start this in the source tree")
	}
	return filepath.Dir(mod), nil
}
