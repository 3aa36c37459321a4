package stream

// wheelSlots is how many ticks one turn of the wheel takes.
const wheelSlots = 256

// none is the end of a list of indices.
const none = int32(-1)

// wheel is a timing wheel: it wakes the connections of a loop at chosen ticks, at a
// constant cost whatever their number. A connection that is set to a tick beyond one
// turn is woken early, and checks whether its time has come. Ticks are counted from
// the start of the loop, and the count may wrap around.
//
// The lists of the slots run through links, one per connection, by its index.
type wheel struct {
	slots [wheelSlots]int32
	now   uint32
	links []link
}

type link struct {
	next, prev int32
	slot       int32 // none when the connection is not in the wheel
}

func newWheel() *wheel {
	w := &wheel{}
	for i := range w.slots {
		w.slots[i] = none
	}
	return w
}

// grow makes room for connections with an index below n.
func (w *wheel) grow(n int) {
	for len(w.links) < n {
		w.links = append(w.links, link{none, none, none})
	}
}

// set wakes connection i at a tick, or at the next one if that has passed. It
// replaces what was set before.
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

// next is the first tick at which a connection is due, or the end of this turn when
// none is.
func (w *wheel) next() uint32 {
	at := w.now + 1
	for at != w.now+wheelSlots && w.slots[at%wheelSlots] == none {
		at++
	}
	return at
}

// turn goes on to a tick. It takes each connection that is due by then out of the
// wheel and calls wake for it.
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
