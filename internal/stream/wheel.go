package stream

// wheelSlots is how many ticks one turn of the wheel has.
const wheelSlots = 256

// none is the end of a list of indices.
const none = int32(-1)

// wheel wakes the readers of a loop at chosen ticks, for heartbeats and
// deadlines, at a constant cost whatever their number. What is due later than one
// turn is woken early: whoever is woken checks whether it is time. Ticks are
// counted from the start of the loop, and their count may wrap around.
//
// The lists run through the links, one per reader, by the reader's index.
type wheel struct {
	slots [wheelSlots]int32
	now   uint32
	links []link
}

type link struct {
	next, prev int32
	slot       int32 // none when not in the wheel
}

func newWheel() *wheel {
	w := &wheel{}
	for i := range w.slots {
		w.slots[i] = none
	}
	return w
}

// grow makes room for readers with an index below n.
func (w *wheel) grow(n int) {
	for len(w.links) < n {
		w.links = append(w.links, link{none, none, none})
	}
}

// set wakes reader i at a tick, or at the next one when that is over. It replaces
// what was set before.
func (w *wheel) set(i int32, at uint32) {
	w.remove(i)
	ahead := min(max(int32(at-w.now), 1), wheelSlots-1)
	slot := int32((w.now + uint32(ahead)) % wheelSlots)
	first := w.slots[slot]
	w.links[i] = link{next: first, prev: none, slot: slot}
	if first != none {
		w.links[first].prev = i
	}
	w.slots[slot] = i
}

func (w *wheel) remove(i int32) {
	l := w.links[i]
	if l.slot == none {
		return
	}
	if l.prev == none {
		w.slots[l.slot] = l.next
	} else {
		w.links[l.prev].next = l.next
	}
	if l.next != none {
		w.links[l.next].prev = l.prev
	}
	w.links[i] = link{none, none, none}
}

// next is the tick at which somebody is due, or the end of this turn when nobody is.
func (w *wheel) next() uint32 {
	at := w.now + 1
	for at != w.now+wheelSlots && w.slots[at%wheelSlots] == none {
		at++
	}
	return at
}

// turn goes on to a tick and calls wake for all who are due by then, each taken
// out of the wheel before.
func (w *wheel) turn(to uint32, wake func(i int32)) {
	for w.now != to {
		w.now++
		slot := w.now % wheelSlots
		for i := w.slots[slot]; i != none; i = w.slots[slot] {
			w.remove(i)
			wake(i)
		}
	}
}
