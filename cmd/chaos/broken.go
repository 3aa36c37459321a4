//go:build unix

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"dateline/internal/chaos/broken"
)

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
