//go:build unix

package run

import (
	"bytes"
	"strings"
	"testing"
)

// testSeed is the seed of the short run in `make test`, so that it breaks the
// same parts each time. Longer runs draw their own.
const testSeed = 20261121

// TestChaos_Short is the whole harness at work for half a minute.
func TestChaos_Short(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := Options{Profile: "short", Seed: testSeed}.Run(t.Context(), &out)
	t.Log(out.String())
	if err != nil {
		t.Fatal(err)
	}
	if first, _, _ := strings.Cut(out.String(), "\n"); !strings.Contains(first, ", PostgreSQL ") || !strings.Contains(first, " in /") {
		t.Errorf("the first line does not tell which PostgreSQL is used: %s", first)
	}
	if kinds := strings.Count(out.String(), "\n| F"); kinds < 15 {
		t.Errorf("%d kinds of fault came, want 15", kinds)
	}
}
