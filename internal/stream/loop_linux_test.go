package stream

import (
	"testing"

	"golang.org/x/sys/unix"
)

// A loop sleeps until somebody is due, and wakes once for all heartbeats of a second.
func TestLoop_Rest(t *testing.T) {
	t.Parallel()
	l, err := newLoop(startHub(t, newMemoryLog(), roomy))
	if err != nil {
		t.Fatal(err)
	}
	defer l.closeFiles()
	if got := l.rest(); got != -1 {
		t.Errorf("without readers it sleeps %d ms", got)
	}
	l.count.Add(3)
	l.wheel.grow(3)
	for i := range int32(3) {
		l.seats = append(l.seats, seat{silence: uint32(201 + i)})
		l.schedule(i, 0)
	}
	if got := l.rest(); got < 15_000 || got > 21_001 {
		t.Errorf("it sleeps %d ms", got)
	}
	l.began = l.began.Add(-tick << 32) // the count of ticks wraps around
	if got := l.rest(); got < 15_000 || got > 21_001 {
		t.Errorf("after the wrap it sleeps %d ms", got)
	}
	woken := 0
	l.wheel.turn(210, func(int32) { woken++ })
	if woken != 3 {
		t.Errorf("%d of 3 are woken together", woken)
	}
}

// When a crowd has left, its seats are let go of, and what comes late for them
// finds nobody.
func TestLoop_LetsGoOfACrowd(t *testing.T) {
	t.Parallel()
	const crowd = 2000
	l, err := newLoop(startHub(t, newMemoryLog(), roomy))
	if err != nil {
		t.Fatal(err)
	}
	defer l.closeFiles()
	var seats []int32
	for range crowd {
		seats = append(seats, l.freeSeat())
	}
	l.free = seats[1:]
	if l.shrink(); len(l.seats) != crowd {
		t.Fatalf("%d seats are left while one is taken", len(l.seats))
	}
	l.free = seats
	if l.shrink(); l.seats != nil || l.free != nil || l.wheel.links != nil {
		t.Fatalf("%d seats are left, %d of them free", len(l.seats), len(l.free))
	}
	l.handle(unix.EpollEvent{Events: unix.EPOLLOUT, Fd: crowd - 1, Pad: 1})
	l.takePage(delivery{index: crowd - 1, tag: 1})
	if i := l.freeSeat(); i != 0 || len(l.wheel.links) != 1 {
		t.Errorf("the next reader gets seat %d", i)
	}
}
