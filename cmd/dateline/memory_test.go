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
		streams   int
		begun     bool
		why       string
	}{
		{10 * mb, 0, false, "little was done"},
		{11 * mb, 0, false, "still little"},
		{200 * mb, 0, false, "at work"},
		{300 * mb, 0, false, "at work"},
		{303 * mb, 1500, true, "at rest"},
		{304 * mb, 1500, false, "nothing was done since"},
		{320 * mb, 1500, false, "at work"},
		{324 * mb, 1500, false, "not much was done"},
		{336 * mb, 1500, false, "at work, and much since"},
		{340 * mb, 1500, true, "at rest"},
		{341 * mb, 600, false, "some have left"},
		{342 * mb, 400, false, "a crowd has left, and may come back"},
		{343 * mb, 400, true, "it has not"},
		{344 * mb, 0, false, "some more have left"},
		{345 * mb, 3000, false, "a crowd has come"},
		{346 * mb, 0, false, "it has left"},
		{347 * mb, 3000, false, "it is back"},
		{348 * mb, 0, false, "it has left again"},
		{354 * mb, 0, false, "there is work"},
		{355 * mb, 0, true, "at rest"},
		{356 * mb, 0, false, "nobody has left since"},
	} {
		if begun := r.begun(look.allocated, look.streams); begun != look.begun {
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
