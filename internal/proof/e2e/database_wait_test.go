package e2e

import (
	"strings"
	"testing"

	"dateline/internal/proof/pgtest"
)

func TestServe_WaitsForItsDatabase(t *testing.T) {
	t.Parallel()
	s := pgtest.NewLate(t, 3)
	node := startProcess(t, s.DSN)
	if log := node.log.String(); s.Callers() <= 3 || !strings.Contains(log, "waiting for PostgreSQL") || !strings.Contains(log, "at_most") {
		t.Errorf("after %d callers, the log has\n%s", s.Callers(), log)
	}
}
