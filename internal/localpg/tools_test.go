//go:build unix

package localpg_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dateline/internal/localpg"
)

func TestTools_RunAsTheAccount(t *testing.T) {
	t.Parallel()
	tools, err := localpg.FindTools(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	out, err := tools.Command(t.Context(), "initdb", "--version").Output()
	if err != nil || !strings.Contains(string(out), "(PostgreSQL)") {
		t.Errorf("%q %v", out, err)
	}
	if uid, _ := tools.IDs(); uid == 0 {
		t.Error("PostgreSQL would run as root")
	}
}

func TestTools_CheckDir(t *testing.T) {
	t.Parallel()
	tools, err := localpg.FindTools(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := tools.CheckDir(dir); (err != nil) != (os.Geteuid() == 0) {
		t.Errorf("a directory of ours that others cannot enter: %v", err)
	}
	own := filepath.Join(dir, "own")
	if err := tools.MakeDir(own); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(own); err != nil || info.Mode().Perm() != 0o700 {
		t.Error(info, err)
	}
}
