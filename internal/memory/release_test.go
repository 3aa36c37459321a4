package memory

import (
	"sync"
	"testing"
)

func TestIdleDetector_ReleasesOnceAfterMuchWork(t *testing.T) {
	t.Parallel()
	const mb = 1 << 20
	var d idleDetector
	for i, check := range []struct {
		allocated uint64
		streams   int
		release   bool
		why       string
	}{
		{10 * mb, 0, false, "little was done"},
		{11 * mb, 0, false, "still little"},
		{200 * mb, 0, false, "busy"},
		{300 * mb, 0, false, "busy"},
		{303 * mb, 1500, true, "idle"},
		{304 * mb, 1500, false, "nothing was done since"},
		{320 * mb, 1500, false, "busy"},
		{324 * mb, 1500, false, "not much was done"},
		{336 * mb, 1500, false, "busy, and much since"},
		{340 * mb, 1500, true, "idle"},
		{341 * mb, 600, false, "some have left"},
		{342 * mb, 400, false, "many have left, and may come back"},
		{343 * mb, 400, true, "they are not back"},
		{344 * mb, 0, false, "some more have left"},
		{345 * mb, 3000, false, "many have come"},
		{346 * mb, 0, false, "they have left"},
		{347 * mb, 3000, false, "they are back"},
		{348 * mb, 0, false, "they have left again"},
		{354 * mb, 0, false, "busy"},
		{355 * mb, 0, true, "idle"},
		{356 * mb, 0, false, "no reader has left since"},
	} {
		if release := d.observe(check.allocated, check.streams); release != check.release {
			t.Errorf("check %d, %s: %v", i, check.why, release)
		}
	}
}

// Not parallel: the collections of another test would do the work of ours.
func TestRelease_EmptiesPools(t *testing.T) {
	made := 0
	pool := sync.Pool{New: func() any { made++; return new([4096]byte) }}
	pool.Put(pool.Get())
	release()
	pool.Get()
	if made != 2 {
		t.Errorf("made %d, want 2: the pool's content survived", made)
	}
}
