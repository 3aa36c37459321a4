package e2e

import (
	"fmt"
	"strings"
	"testing"

	"dateline/internal/proof/pgtest"
)

// TestE2E_PrunedBelowReaders takes events away that two readers still need: the
// one who is below the horizon is told, the one exactly at it resumes.
func TestE2E_PrunedBelowReaders(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	node, robot := startProcess(t, dsn), newRobot(t, dsn)
	robot.newBlog(t, node.url, "pruned")
	for i := range 10 {
		robot.post(t, node.url, "pruned", fmt.Sprint("Post ", i))
	}
	if out := runPrune(t, dsn, "--keep=4", "--blog=pruned"); !strings.HasPrefix(out, "6 events") {
		t.Errorf("the command says %q", out)
	}
	eventually(t, startLimit, "the node knows the horizon", func() bool {
		return number(t, dsn, `SELECT low_seq FROM blogs`) == 6 && firstEvent(t, node.url, "5") == "reset"
	})
	if name := firstEvent(t, node.url, "6"); name != "post" {
		t.Errorf("a reader at the horizon gets %s first", name)
	}
	node.noPanic()
}

func runPrune(t *testing.T, dsn string, args ...string) string {
	t.Helper()
	return runProgram(t, append([]string{"prune", "--database-url=" + dsn, "--data-dir=" + t.TempDir()}, args...)...)
}

// firstEvent is what follows the hello of a stream.
func firstEvent(t *testing.T, node, after string) (name string) {
	t.Helper()
	r := &sseReader{client: newClient(), slug: "pruned", lastID: after}
	_ = r.follow(t.Context(), node, func(e sseEvent) bool { // told to stop
		name = e.name
		return name != "hello"
	})
	return name
}
