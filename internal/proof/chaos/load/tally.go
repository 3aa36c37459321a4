package load

import (
	"maps"
	"sync"
	"time"
)

// Tally counts the answers to single attempts, which a history does not hold.
// Its zero value is ready; a nil one counts nothing.
type Tally struct {
	mu       sync.Mutex
	statuses map[int]int
	refusals []refusal
}

// refusal is an attempt that was answered 503.
type refusal struct {
	at   time.Time
	took time.Duration
}

const unavailable = 503

// add counts an attempt; status is 0 when there was no answer.
func (t *Tally) add(status int, took time.Duration) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.statuses == nil {
		t.statuses = map[int]int{}
	}
	t.statuses[status]++
	if status == unavailable {
		t.refusals = append(t.refusals, refusal{time.Now(), took})
	}
}

// Statuses is how often each status was the answer to an attempt; 0 counts those
// without one.
func (t *Tally) Statuses() map[int]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.statuses)
}

// Unavailable is how many attempts were answered 503 in a time, and how long the
// slowest of these answers took.
func (t *Tally) Unavailable(since, until time.Time) (n int, slowest time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.refusals {
		if !r.at.Before(since) && r.at.Before(until) {
			n++
			slowest = max(slowest, r.took)
		}
	}
	return n, slowest
}
