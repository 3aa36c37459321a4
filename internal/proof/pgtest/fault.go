package pgtest

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"dateline/internal/localpg"
	"dateline/internal/postgres"
)

// Server is a cluster of one test, which the test may stop and kill.
type Server struct {
	t       testing.TB
	config  localpg.Config
	running *localpg.Cluster
	dsn     string
}

// Cluster starts a cluster of its own for a test, with the current schema in one
// database. Unlike the shared one it writes to disk as in production.
func Cluster(t testing.TB, settings ...string) *Server {
	t.Helper()
	dir := t.TempDir()
	openParents(t, dir)
	s := &Server{t: t, config: localpg.Config{Dir: dir + "/cluster", Log: slog.New(slog.DiscardHandler), Settings: settings}}
	s.Start()
	t.Cleanup(s.Stop)
	if err := postgres.Migrate(t.Context(), s.DSN()); err != nil {
		t.Fatal(err)
	}
	return s
}

// DSN is the connection string; it stays the same over restarts.
func (s *Server) DSN() string { return s.dsn }

// Start starts the server again after Stop or Kill, on the same data.
func (s *Server) Start() {
	s.t.Helper()
	c, err := localpg.Start(s.t.Context(), s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	s.running, s.dsn = c, c.DSN(localpg.Database)
}

// Stop ends the server in good order; a stopped one stays stopped.
func (s *Server) Stop() { s.end((*localpg.Cluster).Close) }

// Kill ends the server as a crash does: connections break, nothing is written any more.
func (s *Server) Kill() { s.end((*localpg.Cluster).Kill) }

func (s *Server) end(how func(*localpg.Cluster) error) {
	s.t.Helper()
	if s.running == nil {
		return
	}
	if err := how(s.running); err != nil {
		s.t.Error(err)
	}
	s.running = nil
}

// openParents lets the account that runs the server pass the test's directories,
// which are closed to others: root's tests run the server as somebody else.
func openParents(t testing.TB, dir string) {
	t.Helper()
	for _, d := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(d, 0o711); err != nil {
			t.Fatal(err)
		}
	}
}
