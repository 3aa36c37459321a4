//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"dateline/internal/chaos/broken"
	"dateline/internal/chaos/netfault"
	"dateline/internal/chaos/testbed"
)

// step is something that happens in the scenario of a broken server.
type step func(ctx context.Context, r *run, s *stage) error

// steps say what must happen for a need of a mutation to be met. What is not
// listed needs nothing but time: publishers and readers are always at work.
var steps = map[string][]step{
	broken.Lag:      {fault("F15"), fault("F15")},
	broken.Backlog:  {fault("F4"), fault("F4")},
	broken.Kill:     {fault("F1"), fault("F1"), fault("F1")},
	broken.Retries:  {sendTwins, fault("F17")},
	broken.Answers:  {fault("F42"), fault("F17"), fault("F42")},
	broken.Restart:  {fault("F2"), fault("F2")},
	broken.Drain:    {fault("F3")},
	broken.Crash:    {fault("F5"), fault("F5"), fault("F5"), fault("F5")},
	broken.Outage:   {fault("F16"), fault("F5")},
	broken.Listener: {fault("F11")},
	broken.Prune:    {fault("F33"), fault("F2"), fault("F33")},
	broken.Restore:  {restored().play},
	broken.Standby:  {loseUnconfirmed},
	broken.Late:     {wait(6 * time.Second)},
	broken.Revoke:   {wait(10 * time.Second)},
	broken.Views:    {wait(4 * time.Second)},
	broken.Samples:  {wait(3 * time.Second)},
}

// mostSteps bounds a scenario.
const mostSteps = 5

func wait(d time.Duration) step {
	return func(ctx context.Context, _ *run, _ *stage) error {
		hold(ctx, d)
		return nil
	}
}

// fault makes one of the catalogue, on one node after the other.
func fault(id string) step {
	return func(ctx context.Context, r *run, s *stage) error {
		k := kindOf(catalogue(), id)
		n := len(s.told)
		f := planned{Kind: id, Target: 1 + n%len(s.bed.Nodes()), Hold: 1500 * time.Millisecond, Seed: r.seed + uint64(n)}
		s.play(ctx, []kind{k}, round{Faults: []planned{f}})
		return nil
	}
}

// loseUnconfirmed freezes the standby, ends the wait of the commits that it does
// not confirm, and promotes it: what was acknowledged without it is gone.
func loseUnconfirmed(ctx context.Context, _ *run, s *stage) error {
	lift, cancel := lifting(ctx)
	defer cancel()
	s.bed.Primary().Replication.Set(netfault.Conditions{Up: lost, Down: lost})
	for range 12 {
		hold(ctx, 500*time.Millisecond)
		err := s.sql(ctx, `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`)
		if err != nil {
			return err
		}
	}
	return errors.Join(s.bed.Failover(lift), s.bed.Rejoin(lift))
}

// scenario is an act with a broken server that shows its mistake. With no
// mutation it is the sound server's.
func scenario(m broken.Mutation, binary string) act {
	needs := func(need string) bool { return slices.Contains(m.Needs, need) }
	return act{
		name: m.Name,
		bed: func(c *testbed.Config) {
			c.Nodes, c.Nginx, c.Durable = 2, false, false
			c.Standby, c.Synchronous = needs(broken.Standby), needs(broken.Standby)
			c.Binary = binary
			c.NodeEnv = func(int) []string { return []string{"DATELINE_BROKEN=" + m.Name, "DATELINE_ENGINE=" + engineOf(m)} }
		},
		crew: func(c *crew) {
			*c = crew{Blogs: 1, Publishers: 4, Rate: 15, Streams: 10, Polls: 3, Slow: 1, Stay: 1500 * time.Millisecond, Late: needs(broken.Late) || needs(broken.Backlog)}
			switch {
			case needs(broken.Stay):
				c.Stay = 0
			case needs(broken.Samples):
				c.Stay = 100 * time.Millisecond // what one stream leaves behind must add up
			}
		},
		play: func(ctx context.Context, r *run, s *stage) error {
			s.patience = 3 * time.Second
			s.published(ctx, enough)
			for _, f := range stepsOf(m) {
				if err := f(ctx, r, s); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// enough is how many posts a scenario has before its steps: many mistakes are
// made now and then only.
const enough = 120

// published waits until so many posts were acknowledged, but not for ever: a
// server may be too broken.
func (s *stage) published(ctx context.Context, posts int) {
	for ends := time.Now().Add(15 * time.Second); time.Now().Before(ends) && ctx.Err() == nil; {
		if s.tally.Statuses()[http.StatusCreated] >= posts {
			return
		}
		hold(ctx, 50*time.Millisecond)
	}
}

// engineOf is the value of DATELINE_ENGINE with which a mistake shows.
func engineOf(m broken.Mutation) string {
	if m.Fast {
		return "auto"
	}
	return "portable"
}

func stepsOf(m broken.Mutation) (all []step) {
	for _, need := range m.Needs {
		all = append(all, steps[need]...)
	}
	return all[:min(len(all), mostSteps)]
}

// brokenProfile is of runs with broken servers.
var brokenProfile = profile{name: "broken", settle: 500 * time.Millisecond, sample: time.Second, acts: []act{{variants: true}}}

// runBroken plays the scenarios of broken servers, and fails when one of them is
// not caught.
func runBroken(ctx context.Context, o options, out io.Writer) error {
	if o.Broken == "list" {
		for _, m := range broken.All {
			fmt.Fprintf(out, "%-22s %s\n", m.Name, m.What)
		}
		return nil
	}
	all, err := mutations(o.Broken)
	if err != nil {
		return err
	}
	r, err := beginRun(ctx, o, brokenProfile, out)
	if err != nil {
		return err
	}
	missed, err := r.catch(ctx, all, 3)
	if err != nil {
		return err
	}
	if len(missed) > 0 {
		return fmt.Errorf("not caught: %s; see %s", strings.Join(missed, ", "), r.dir)
	}
	return r.tidy(o)
}

// mutations finds mutations by a comma-separated list of names, or all.
func mutations(names string) (out []broken.Mutation, err error) {
	if names == "all" {
		return broken.All, nil
	}
	for name := range strings.SplitSeq(names, ",") {
		m, known := broken.Find(name)
		if !known {
			return nil, fmt.Errorf("--broken: there is no server %q; list tells their names", name)
		}
		out = append(out, m)
	}
	return out, nil
}

// catch plays scenarios, some at a time, and names those that were not caught.
func (r *run) catch(ctx context.Context, all []broken.Mutation, atATime int) (missed []string, err error) {
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(atATime)
	for _, m := range all {
		g.Go(func() error {
			caught, err := r.caughtInTime(ctx, m)
			mu.Lock()
			defer mu.Unlock()
			if !caught && err == nil {
				missed = append(missed, m.Name)
			}
			return err
		})
	}
	return missed, g.Wait()
}

// mostPlays is how often a scenario is played until the mistake shows: whether a
// reader comes back at the right moment is chance.
const mostPlays = 3

func (r *run) caughtInTime(ctx context.Context, m broken.Mutation) (caught bool, err error) {
	for play := 1; play <= mostPlays && !caught && err == nil; play++ {
		a := scenario(m, r.variant)
		if play > 1 {
			a.name = fmt.Sprint(a.name, "-", play)
		}
		caught, err = r.caught(ctx, m, a)
	}
	return caught, err
}

// caught plays one scenario and tells what the checker said.
func (r *run) caught(ctx context.Context, m broken.Mutation, a act) (bool, error) {
	began := time.Now()
	res, err := r.perform(ctx, a)
	if err != nil {
		return false, err
	}
	violated := res.report.Violated()
	caught := slices.ContainsFunc(m.Exposes, func(g string) bool { return slices.Contains(violated, g) })
	r.say("%-22s caught %-5v expected one of %v, violated %v (%v)", m.Name, caught, m.Exposes, violated, time.Since(began).Round(time.Second))
	for _, l := range res.report.Lines {
		if l.N > 0 && slices.Contains(m.Exposes, l.Guarantee) {
			r.say("    %s %s: %s", l.Guarantee, l.What, l.Violations[0])
		}
	}
	if caught {
		return true, os.RemoveAll(res.dir)
	}
	return false, nil
}
