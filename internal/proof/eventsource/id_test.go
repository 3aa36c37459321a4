package eventsource_test

import (
	"testing"

	"dateline/internal/proof/eventsource"
)

func TestPlace(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]struct {
		seq   int64
		chain string
	}{"0": {0, ""}, "41": {41, ""}, "41.9f2c31aa07d4e58b": {41, "9f2c31aa07d4e58b"}} {
		if seq, chain, err := eventsource.Place(id); seq != want.seq || chain != want.chain || err != nil {
			t.Errorf("%q is %d and %q, %v", id, seq, chain, err)
		}
	}
	for _, id := range []string{"", "x", "-1", "41.", "41.9f2c", ".9f2c31aa07d4e58b", "41.9f2c31aa07d4e58b.1"} {
		if seq, chain, err := eventsource.Place(id); err == nil {
			t.Errorf("%q is %d and %q", id, seq, chain)
		}
	}
}
