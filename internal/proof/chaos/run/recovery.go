//go:build unix

package run

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"dateline/internal/proof/chaos/history"
	"dateline/internal/wait"
)

// trial is one kind of fault whose recovery is measured many times, alone.
type trial struct {
	kind   string
	name   string
	limit  time.Duration // of the 99th percentile
	allows history.Allows
	// fail makes the fault and tells from when recovery counts. mend ends what
	// the fault left behind; it may be nil.
	fail func(ctx context.Context, s *stage, random *rand.Rand) (from time.Time, mend func(context.Context) error, err error)
	// late measures instead how long events took to the last reader while the
	// fault lasted: what is still delivered must not be late.
	late time.Duration
}

var trials = []trial{
	{kind: "F2", name: "node killed", limit: 3 * time.Second, allows: allowsNodeDead, fail: failNode},
	{kind: "F11", name: "listeners killed", limit: 1500 * time.Millisecond, allows: allowsNothing, fail: failListeners, late: 1500 * time.Millisecond},
	{kind: "F12", name: "listeners half-open", limit: 2 * time.Second, allows: allowsNothing, fail: silenceListeners, late: 3 * time.Second},
	{kind: "F5", name: "PostgreSQL crashed, from when it accepts", limit: 2 * time.Second, allows: allowsDBGone, fail: failDatabase},
	{kind: "F7", name: "standby promoted, from the promotion", limit: 5 * time.Second, allows: allowsDBGone, fail: failPrimary},
}

// recovery measures how long readers wait for the next event after each fault.
func recovery(tries int) act {
	steady := func(c *workload) { c.Front, c.Stay = true, 0 }
	return act{name: "recovery", workload: steady, play: func(ctx context.Context, r *run, s *stage) error {
		s.warm(ctx)
		random := rand.New(rand.NewPCG(r.seed, seedOfRecovery))
		for _, t := range trials {
			r.say("recovery: %s, %d times", t.name, tries)
			for n := 0; n < tries && ctx.Err() == nil; n++ {
				if err := s.try(ctx, t, random); err != nil {
					return fmt.Errorf("%s: %w", t.name, err)
				}
			}
			s.sumUp(t)
		}
		return nil
	}}
}

// try makes one fault and measures.
func (s *stage) try(ctx context.Context, t trial, random *rand.Rand) error {
	wait.For(ctx, seconds(0.3, 1).pick(random))
	fault := history.Fault{Kind: t.kind, Name: t.name, Allows: t.allows, Began: time.Now().UnixNano()}
	from, mend, err := t.fail(ctx, s, random)
	if err != nil {
		return err
	}
	took := s.measure(ctx, t, from)
	if mend != nil {
		lift, cancel := lifting(ctx)
		defer cancel()
		err = mend(lift)
	}
	// Recovered stays open: it counts from the end of a fault, a trial does not.
	fault.Ended = time.Now().UnixNano()
	fault.Detail = took.Round(time.Millisecond).String()
	s.record(fault)
	s.took(t.kind, took)
	return err
}

func (s *stage) measure(ctx context.Context, t trial, from time.Time) time.Duration {
	at := s.recovered(ctx, from.UnixNano())
	if at == 0 {
		return s.recoveryTimeout
	}
	took := time.Unix(0, at).Sub(from)
	if t.late > 0 {
		until := from.Add(t.late)
		wait.For(ctx, time.Until(until))
		took = s.tracker.WorstDelay(from, until)
	}
	return took
}

func failNode(_ context.Context, s *stage, random *rand.Rand) (time.Time, func(context.Context) error, error) {
	n := s.node(1 + random.IntN(len(s.bed.Nodes())))
	from := time.Now()
	n.Kill()
	return from, func(ctx context.Context) error { return start(ctx, n) }, nil
}

func failListeners(ctx context.Context, s *stage, _ *rand.Rand) (time.Time, func(context.Context) error, error) {
	from := time.Now()
	return from, nil, s.terminate(ctx, ofListeners)
}

// silenceListeners takes all nodes at once, so that no bell is heard anywhere.
func silenceListeners(ctx context.Context, s *stage, _ *rand.Rand) (from time.Time, mend func(context.Context) error, err error) {
	var lifts []func()
	for _, n := range s.bed.Nodes() {
		lift, err := s.silence(ctx, n.Number, ofListeners)
		if err != nil {
			return from, nil, err
		}
		lifts = append(lifts, lift)
	}
	return time.Now(), func(context.Context) error {
		for _, lift := range lifts {
			lift()
		}
		return nil
	}, nil
}

func failDatabase(ctx context.Context, s *stage, _ *rand.Rand) (time.Time, func(context.Context) error, error) {
	p := s.bed.Primary()
	err := errors.Join(p.Crash(), p.Start(ctx))
	return time.Now(), s.bed.AwaitStandby, err
}

func failPrimary(ctx context.Context, s *stage, _ *rand.Rand) (time.Time, func(context.Context) error, error) {
	err := s.bed.Failover(ctx)
	return time.Now(), s.bed.Rejoin, err
}

// took notes one measurement.
func (s *stage) took(kind string, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.recoveries == nil {
		s.recoveries = map[string][]time.Duration{}
	}
	s.recoveries[kind] = append(s.recoveries[kind], d)
}

// sumUp compares the measurements of a trial with its limit.
func (s *stage) sumUp(t trial) {
	all := slices.Sorted(slices.Values(s.recoveries[t.kind]))
	if len(all) == 0 {
		return
	}
	p99 := all[min(len(all)-1, len(all)*99/100)]
	s.figure("recovery: "+t.name, "p50 %v, p99 %v over %d tries; limit %v",
		all[len(all)/2].Round(time.Millisecond), p99.Round(time.Millisecond), len(all), t.limit)
	if p99 > t.limit {
		s.wrong("recovery of %q: p99 is %v, the limit %v", t.name, p99.Round(time.Millisecond), t.limit)
	}
}
