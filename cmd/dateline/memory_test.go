package main

import (
	"sync"
	"testing"
)

func TestRests_AfterMuchWorkAndOnce(t *testing.T) {
	t.Parallel()
	const mb = 1 << 20
	var r rests
	for i, look := range []struct {
		allocated uint64
		begun     bool
		why       string
	}{
		{10 * mb, false, "little was done"},
		{11 * mb, false, "still little"},
		{200 * mb, false, "at work"},
		{300 * mb, false, "at work"},
		{303 * mb, true, "at rest"},
		{304 * mb, false, "nothing was done since"},
		{320 * mb, false, "at work"},
		{324 * mb, false, "not much was done"},
		{336 * mb, false, "at work, and much since"},
		{340 * mb, true, "at rest"},
	} {
		if begun := r.begun(look.allocated); begun != look.begun {
			t.Errorf("look %d, %s: %v", i, look.why, begun)
		}
	}
}

// Not parallel: another test's collections would do for ours.
func TestCollect_EmptiesPools(t *testing.T) {
	made := 0
	pool := sync.Pool{New: func() any { made++; return new([4096]byte) }}
	pool.Put(pool.Get())
	collect()
	pool.Get()
	if made != 2 {
		t.Errorf("made %d, want 2: what waited in the pool is still there", made)
	}
}
