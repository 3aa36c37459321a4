package stream

import (
	"math/rand/v2"
	"testing"
)

// A wheel under random changes wakes each reader once, at the tick it was last
// set to, or after one turn.
func TestWheel_WakesWhenSet(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	const readers = 50
	w := newWheel()
	w.now = 1<<32 - 1000 // the count wraps around
	w.grow(readers)
	due := map[int32]uint32{}
	for range 20_000 {
		i := int32(random.IntN(readers))
		switch random.IntN(4) {
		case 0:
			w.remove(i)
			delete(due, i)
		case 1:
			w.turn(w.now+1, func(i int32) {
				if due[i] != w.now {
					t.Fatalf("reader %d is woken at %d, not at %d", i, w.now, due[i])
				}
				delete(due, i)
			})
		default:
			ahead := random.IntN(2*wheelSlots) - 10
			w.set(i, w.now+uint32(ahead))
			due[i] = w.now + uint32(min(max(ahead, 1), wheelSlots-1))
		}
		if first := earliest(w.now, due); w.next() != first {
			t.Fatalf("at %d the next is at %d, not at %d", w.now, first, w.next())
		}
		for i, at := range due {
			if at == w.now {
				t.Fatalf("reader %d was not woken at %d", i, at)
			}
		}
	}
}

// earliest is when the first of some readers is due, after at most one turn.
func earliest(now uint32, due map[int32]uint32) uint32 {
	ahead := uint32(wheelSlots)
	for _, at := range due {
		ahead = min(ahead, at-now)
	}
	return now + ahead
}

// A connection that is set again while it is woken is not woken again at once.
func TestWheel_SetWhileWoken(t *testing.T) {
	t.Parallel()
	w := newWheel()
	w.grow(1)
	w.set(0, 1)
	woken := 0
	w.turn(10, func(i int32) { woken++; w.set(i, 0) })
	if woken != 10 {
		t.Errorf("woken %d times in 10 ticks", woken)
	}
}

func BenchmarkWheel(b *testing.B) {
	const readers = 10_000
	w := newWheel()
	w.grow(readers)
	for i := range int32(readers) {
		w.set(i, uint32(i)%wheelSlots)
	}
	for b.Loop() {
		w.turn(w.now+1, func(i int32) { w.set(i, w.now+200) })
	}
}
