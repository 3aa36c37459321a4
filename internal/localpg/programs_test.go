//go:build unix

package localpg

import (
	"os"
	"path/filepath"
	"testing"
)

func TestChoose(t *testing.T) {
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

func TestMakeLinks(t *testing.T) {
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
