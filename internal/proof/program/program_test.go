//go:build unix

package program_test

import (
	"os/exec"
	"syscall"
	"testing"

	"dateline/internal/proof/program"
)

func TestSpawner_RefusesWhenClosed(t *testing.T) {
	t.Parallel()
	s := program.NewSpawner()
	s.Close()
	if err := s.Start(exec.CommandContext(t.Context(), "true"), syscall.SIGKILL); err == nil {
		t.Error("a closed spawner starts processes")
	}
}
