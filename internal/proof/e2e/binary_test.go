package e2e

import (
	"context"
	"os"
	"os/exec"
	"sync"
	"testing"

	"dateline/internal/proof/program"
)

// spawner starts the nodes, so that they end with this process.
var spawner = program.NewSpawner()

func TestMain(m *testing.M) {
	code := m.Run()
	spawner.Close()
	if binaryDir != "" {
		_ = os.RemoveAll(binaryDir)
	}
	os.Exit(code)
}

var binaryDir string

// built is the path of the product, which is built once for all tests. It has the
// race detector where these tests have it, but for argon2, which computes for long.
var built = sync.OnceValues(func() (path string, err error) {
	if binaryDir, err = os.MkdirTemp("", "dateline-e2e-"); err != nil {
		return "", err
	}
	if err := os.Chmod(binaryDir, 0o755); err != nil { // some tests run it as another user
		return "", err
	}
	var flags []string
	if raced {
		flags = []string{"-race", "-gcflags=golang.org/x/crypto/argon2=-race=false"}
	}
	return program.Build(context.Background(), binaryDir, "dateline", flags...)
})

// programPath returns the path of the product.
func programPath(t testing.TB) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// runProgram runs one command of the product to its end and returns its output.
func runProgram(t testing.TB, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), programPath(t), args...)
	cmd.Env = foreign(os.Environ())
	var log lockedBuffer
	cmd.Stderr = &log
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, log.String())
	}
	return string(out)
}
