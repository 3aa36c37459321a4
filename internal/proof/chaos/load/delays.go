package load

import (
	"maps"
	"slices"
	"time"
)

// Delays are how long events took to healthy readers, over the deliveries of one
// time. A delivery before the acknowledgement took no time.
type Delays struct {
	Deliveries int
	Acked      Quantiles // from the acknowledgement of the write
	Began      Quantiles // from the beginning of the write
}

// Quantiles sum up many times.
type Quantiles struct{ P50, P90, P99, Max time.Duration }

// Delays measures the deliveries of all writes that were acknowledged in a time.
func (t *Tracker) Delays(since, until time.Time) Delays {
	var acked, began []time.Duration
	for f := range t.all() {
		for at, w := range f.seen(t.stamp(since), t.stamp(until)) {
			acked = append(acked, between(w.acked, at))
			began = append(began, between(w.began, at))
		}
	}
	return Delays{Deliveries: len(acked), Acked: quantiles(acked), Began: quantiles(began)}
}

// WorstDelay is the longest time from the acknowledgement of a write, in a
// window, to the moment when the last healthy reader had it; for one that still
// has not, to now.
func (t *Tracker) WorstDelay(since, until time.Time) time.Duration {
	now, worst := t.stamp(time.Now()), time.Duration(0)
	for f, there := range t.all() {
		for at, w := range f.seen(t.stamp(since), t.stamp(until)) {
			worst = max(worst, between(w.acked, at))
		}
		if there {
			worst = max(worst, f.owed(t.stamp(since), t.stamp(until), now))
		}
	}
	return worst
}

// all are the healthy readers of the run, and whether they are still there.
func (t *Tracker) all() map[*Follower]bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.followers)
}

// seen are the reader's sights of writes that were acknowledged in a window. A
// sight may come a little before the acknowledgement, which is why the search
// begins earlier.
func (f *Follower) seen(since, until stamp) func(func(stamp, written) bool) {
	const early = stamp(10 * time.Second / step)
	f.mu.Lock()
	sights := f.from(max(since, early) - early)
	f.mu.Unlock()
	return func(yield func(stamp, written) bool) {
		f.course.mu.RLock()
		defer f.course.mu.RUnlock()
		for _, s := range sights {
			w, known := f.course.write(s.seq)
			within := known && w.acked >= since && w.acked < until && s.at >= w.began
			if within && !yield(s.at, w) {
				return
			}
		}
	}
}

// owed is how long the oldest write of a window has been waiting for the reader.
func (f *Follower) owed(since, until, now stamp) (longest time.Duration) {
	f.mu.Lock()
	next := max(f.old, f.last) + 1
	f.mu.Unlock()
	f.course.mu.RLock()
	defer f.course.mu.RUnlock()
	for _, w := range f.course.writes[min(int(next), len(f.course.writes)):] {
		if w.acked > 0 && w.acked >= since && w.acked < until {
			longest = max(longest, between(w.acked, now))
		}
	}
	return longest
}

func between(from, to stamp) time.Duration {
	if to <= from {
		return 0
	}
	return time.Duration(to-from) * step
}

func quantiles(d []time.Duration) Quantiles {
	if len(d) == 0 {
		return Quantiles{}
	}
	slices.Sort(d)
	at := func(percent int) time.Duration { return d[min(len(d)-1, len(d)*percent/100)] }
	return Quantiles{P50: at(50), P90: at(90), P99: at(99), Max: d[len(d)-1]}
}
