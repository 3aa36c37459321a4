package check

import (
	"cmp"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"dateline/internal/proof/chaos/history"
)

const (
	// redactedWithin is how long after its acknowledgement a correction may still
	// not have reached a node.
	redactedWithin = int64(2 * time.Second)
	// recovering is how long after the end of a fault its effects may last.
	recovering = int64(5 * time.Second)
	// closing is how long after the end of a fault it may still close streams: a
	// write that gets nowhere is given up after 20 s.
	closing = int64(25 * time.Second)
	// patience is how long a reader takes to give up a stream on which nothing
	// comes: two heartbeats and some.
	patience = int64(50 * time.Second)
	// gathering is how long a view may wait in its node's memory: a second, and
	// the time that its flush takes.
	gathering = int64(1500 * time.Millisecond)
	// flushing is how long a view may wait before it is safe from everything: as
	// long again as three times wal_writer_delay in PostgreSQL's memory, since
	// counts are committed without waiting for the disk.
	flushing = gathering + int64(700*time.Millisecond)
	// revokedWithin is how long a revoked credential may still work.
	revokedWithin = int64(5 * time.Second)
)

// faults are those of a run, by their beginning.
type faults []history.Fault

// finish orders the faults; those that never ended lasted as long as the run.
func (f faults) finish(end int64) {
	slices.SortFunc(f, func(a, b history.Fault) int { return cmp.Compare(a.Began, b.Began) })
	for i := range f {
		if f[i].Ended == 0 {
			f[i].Ended = max(end, f[i].Began)
		}
	}
}

// allow reports whether a fault that satisfies ok was at work between two times.
func (f faults) allow(from, to int64, ok func(*history.Fault) bool) bool {
	for i := range f {
		if f[i].Began <= to && f[i].Ended >= from && ok(&f[i]) {
			return true
		}
	}
	return false
}

// reset reports whether readers may be told to start again for a reason.
func (f faults) reset(reason string, at int64) bool {
	return f.allow(math.MinInt64, at, func(f *history.Fault) bool { return slices.Contains(f.Allows.Reset, reason) })
}

// unnoticed lists, in order, the faults across which a reader that keeps so little
// can't tell one history from the other.
func (f faults) unnoticed(keeps string) (out []*history.Fault) {
	for i := range f {
		if slices.Contains(f[i].Allows.Unnoticed, keeps) {
			out = append(out, &f[i])
		}
	}
	return out
}

// lost reports whether an acknowledged write may be gone.
func (f faults) lost(w *history.Write) bool {
	return f.allow(w.Began, w.Ended, func(f *history.Fault) bool { return f.Allows.Lost })
}

// close reports whether a healthy stream of a node may be cut at a time.
func (f faults) close(node int, at int64) bool {
	return f.allow(at-closing, at, func(f *history.Fault) bool { return f.Allows.Close && concerns(f, node) })
}

// silence reports whether a healthy stream of a node may have fallen silent.
func (f faults) silence(node int, at int64) bool {
	return f.allow(at-patience-closing, at, func(f *history.Fault) bool { return f.Allows.Close && concerns(f, node) })
}

// away reports whether a node may give no answer at a time.
func (f faults) away(node int, at int64) bool {
	return f.allow(at-recovering, at+recovering, func(f *history.Fault) bool { return f.Allows.Close && concerns(f, node) })
}

// turnedAway reports whether a node that is flooded may have had no time for a
// reader: it says so, and shows nothing that is out of date.
func (f faults) turnedAway(p *history.Probe) bool {
	busy := p.Status == 0 || p.Status == http.StatusServiceUnavailable || p.Status == http.StatusTooManyRequests
	return busy && f.allow(p.At-p.Took, p.At, func(f *history.Fault) bool { return f.Allows.Busy })
}

// cutOff reports whether a node may have been without its database at a time.
func (f faults) cutOff(at int64) bool {
	return f.allow(at-recovering, at, func(f *history.Fault) bool { return f.Allows.Down })
}

// replaces reports whether nodes may be finding out at a time that their database
// holds another history: what they kept of the old one is shown no more.
func (f faults) replaces(at int64) bool {
	return f.allow(at-recovering, at, func(f *history.Fault) bool { return f.Allows.Lost && f.Allows.Down })
}

// takenBack reports whether what was told at a time may be in no history: a fault
// that loses writes came later, or was at work.
func (f faults) takenBack(at int64) bool {
	return slices.ContainsFunc(f, func(f history.Fault) bool { return f.Allows.Lost && at <= f.Ended+recovering })
}

// frozen reports whether a node may have been unable to act between two times.
func (f faults) frozen(node int, from, to int64) bool {
	return f.allow(from, to, func(f *history.Fault) bool { return f.Allows.Close && concerns(f, node) })
}

// fewerViews reports whether a view that was counted at a time may be lost: a
// node takes those that it gathered with it, PostgreSQL also those it was given.
func (f faults) fewerViews(node int, at int64) bool {
	views := func(f *history.Fault) bool { return f.Allows.Views && concerns(f, node) }
	return f.allow(at-gathering, at+gathering, views) ||
		f.allow(at-flushing, at+flushing, func(f *history.Fault) bool { return f.Allows.Down && views(f) })
}

// fallenViews reports whether counts may have fallen by a time.
func (f faults) fallenViews(at int64) bool {
	return f.allow(math.MinInt64, at, func(f *history.Fault) bool { return f.Allows.Views })
}

// redacted is until when a text may be told that was replaced at a time: a
// moment, and longer while faults keep nodes from hearing of it.
func (f faults) redacted(replaced int64) int64 {
	until := replaced + redactedWithin
	for i := range f {
		if f[i].Allows.Stale && f[i].Began <= until && f[i].Ended+recovering >= replaced {
			until = max(until, f[i].Ended+recovering)
		}
	}
	return until
}

// concerns reports whether a fault may touch a node. A fault that names no node
// may touch all, and what went through the balancer may have met any.
func concerns(f *history.Fault, node int) bool {
	number, named := strings.CutPrefix(f.Target, "node")
	n, err := strconv.Atoi(strings.TrimSpace(number))
	return !named || err != nil || node == 0 || n == node
}
