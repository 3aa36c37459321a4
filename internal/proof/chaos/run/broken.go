//go:build unix

package run

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

	"dateline/internal/proof/chaos/broken"
)

// brokenProfile is of runs with broken servers.
var brokenProfile = profile{name: "broken", settle: 500 * time.Millisecond, sample: time.Second, acts: []act{{variants: true}}}

// runBroken plays the scenarios of broken servers, and fails when one of them is
// not caught.
func runBroken(ctx context.Context, o Options, out io.Writer) error {
	if o.Broken == "list" {
		for _, m := range slices.Concat(broken.All, soundServers) {
			fmt.Fprintf(out, "%-22s %s\n", m.Name, m.What)
		}
		return nil
	}
	all, sound, err := mutations(o.Broken)
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
	unsound, err := r.clear(ctx, sound)
	if err != nil {
		return err
	}
	if len(missed)+len(unsound) > 0 {
		return fmt.Errorf("not caught: %v; sound, but not held to be: %v; see %s", missed, unsound, r.dir)
	}
	return r.tidy(o)
}

// soundServers are no mutations at all, with the needs of all that are: they must
// pass what these go through.
var soundServers = []broken.Mutation{
	{Name: "sound-writing", What: "sound, while answers are lost and a node is killed", Needs: []string{broken.Reconnects, broken.Answers, broken.Kill}},
	{Name: "sound-reading", What: "sound, with readers from everywhere and a pruned log", Needs: []string{broken.Full, broken.Prune, broken.Restart, broken.Late, broken.Wild}, Fast: true},
	{Name: "sound-away", What: "sound, with a node down over a restore", Needs: []string{broken.Away, broken.Views}},
	{Name: "sound-restored", What: "sound, with a restore below open streams", Needs: []string{broken.Restore, broken.Views}, Fast: true},
	{Name: "sound-lagging", What: "sound, with slow, silent and half-open links to the database", Needs: []string{broken.Lag, broken.HalfOpen, broken.SlowLink, broken.Listener}},
	{Name: "sound-steady", What: "sound, with readers who stay and a database that goes", Needs: []string{broken.Stay, broken.Outage, broken.Listener}, Fast: true},
	{Name: "sound-crashed", What: "sound, while PostgreSQL is killed", Needs: []string{broken.Undecided, broken.Crash}},
	{Name: "sound-standby", What: "sound, while a standby does not confirm and is promoted", Needs: []string{broken.Standby}},
	{Name: "sound-put-back", What: "sound, while copies are put back", Needs: []string{broken.Snapshot, broken.Blind}, Fast: true},
	{Name: "sound-flooded", What: "sound, with pages flooded", Needs: []string{broken.Flood}},
	{Name: "sound-horizon", What: "sound, with a log pruned close to its end", Needs: []string{broken.Horizon}},
	{Name: "sound-reopened", What: "sound, with a blog ended and opened again, and a node that leaves while views are locked", Needs: []string{broken.Reopen, broken.Locked, broken.Views}},
	{Name: "sound-drained", What: "sound, while nodes leave", Needs: []string{broken.Drain, broken.Retries, broken.Revoke, broken.Samples}},
}

// mutations finds mutations, and sound servers, by a comma-separated list of
// names, or all.
func mutations(names string) (wrong, sound []broken.Mutation, err error) {
	if names == "all" {
		return broken.All, soundServers, nil
	}
	for name := range strings.SplitSeq(names, ",") {
		m, known := broken.Find(name)
		i := slices.IndexFunc(soundServers, func(m broken.Mutation) bool { return m.Name == name })
		switch {
		case known:
			wrong = append(wrong, m)
		case i >= 0:
			sound = append(sound, soundServers[i])
		default:
			return nil, nil, fmt.Errorf("--broken: there is no server %q; list tells their names", name)
		}
	}
	return wrong, sound, nil
}

// clear plays the scenarios of sound servers, and names those that are not found
// to be sound.
func (r *run) clear(ctx context.Context, all []broken.Mutation) (unsound []string, err error) {
	for _, m := range all {
		began := time.Now()
		res, err := r.perform(ctx, scenario(m, r.variant))
		if err != nil {
			return nil, err
		}
		r.say("%-22s holds %v (%v)", m.Name, res.ok(), time.Since(began).Round(time.Second))
		if !res.ok() {
			r.say("%v %v\n%v", res.report.Violated(), res.wrongs, res.report)
			unsound = append(unsound, m.Name)
		}
	}
	return unsound, nil
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
