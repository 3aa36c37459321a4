//go:build unix

package localpg

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestChoose_NewestOrTheWantedVersion(t *testing.T) {
	t.Parallel()
	found := []programs{{"a", 13}, {"b", 15}, {"c", 18}, {"d", 16}}
	for _, test := range []struct {
		name string
		want int
		dir  string
	}{
		{"newest for new data", 0, "c"},
		{"the one that wrote the data", 15, "b"},
		{"not there", 17, ""},
		{"too old", 13, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, ok := choose(found, test.want)
			if got.dir != test.dir || ok != (test.dir != "") {
				t.Errorf("got %q %v, want %q", got.dir, ok, test.dir)
			}
		})
	}
}

// TestPick_TheMachinesOwnFirst has a newer npm package in the cache, which lacks
// the client programs, beside an older PostgreSQL of the machine.
func TestPick_TheMachinesOwnFirst(t *testing.T) {
	t.Parallel()
	machine, cache := t.TempDir(), t.TempDir()
	for _, name := range toolPrograms {
		fakeProgram(t, machine, name, 15)
	}
	for _, name := range serverPrograms {
		fakeProgram(t, cache, name, 18)
	}
	for _, needed := range [][]string{serverPrograms, toolPrograms} {
		own, packaged := complete(t.Context(), []string{machine}, needed), complete(t.Context(), []string{cache}, needed)
		if p, ok := pick(own, packaged, 0); !ok || p.dir != machine {
			t.Errorf("for %v: %+v was taken", needed, p)
		}
		if p, ok := pick(own, packaged, 18); ok != (len(needed) == len(serverPrograms)) {
			t.Errorf("data of the package, %v needed: %+v", needed, p)
		}
	}
}

func TestComplete_TakesNoHalfOfAPlace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range serverPrograms {
		fakeProgram(t, dir, name, 16)
	}
	if got := complete(t.Context(), []string{dir}, serverPrograms); len(got) != 1 || got[0].major != 16 {
		t.Errorf("for a server: %v", got)
	}
	if got := complete(t.Context(), []string{dir}, toolPrograms); got != nil || missing(dir, toolPrograms) != "pg_basebackup" {
		t.Errorf("for a harness: %v, missing %q", got, missing(dir, toolPrograms))
	}
}

// fakeProgram is one that only tells a version.
func fakeProgram(t *testing.T, dir, name string, major int) {
	t.Helper()
	script := fmt.Sprintf("#!/bin/sh\necho '%s (PostgreSQL) %d.1'\n", name, major)
	if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestMakeLinks_StayWithinThePackage(t *testing.T) {
	t.Parallel()
	native := filepath.Join(t.TempDir(), "native")
	if err := os.MkdirAll(filepath.Join(native, "lib"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(native, "lib", "libpq.so.5.18"), "library")
	write(t, filepath.Join(native, "pg-symlinks.json"), `[{"source":"native/lib/libpq.so.5.18","target":"native/lib/libpq.so.5"}]`)
	for range 2 { // again is no error
		if err := makeLinks(native); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(native, "lib", "libpq.so.5"))
	if err != nil || string(text) != "library" {
		t.Fatalf("%q %v", text, err)
	}
}

func TestMakeLink_StaysInThePackage(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{{"../../etc/passwd", "native/x"}, {"native/x", "/etc/y"}, {"native/x", "native/../../y"}} {
		if err := makeLink(t.TempDir(), pair[0], pair[1]); err == nil {
			t.Errorf("made %q to %q", pair[1], pair[0])
		}
	}
}

func TestPackageBin_NamesThePlatform(t *testing.T) {
	t.Parallel()
	if lock, err := npmFiles.ReadFile("npm/package-lock.json"); err != nil || len(lock) == 0 {
		t.Fatal(err)
	}
	if got := filepath.Base(packageBin()); got != "bin" {
		t.Error(got)
	}
}
