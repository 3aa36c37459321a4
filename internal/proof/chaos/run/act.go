//go:build unix

package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"dateline/internal/proof/chaos/check"
	"dateline/internal/proof/chaos/history"
	"dateline/internal/proof/chaos/testbed"
	"dateline/internal/wait"
)

// act is one part of a run: a bed of its own, clients, and what happens to them.
type act struct {
	name     string
	variants bool                  // it also starts the programs of F24 and F36
	bed      func(*testbed.Config) // what is not as usual, or nil
	workload func(*workload)       // the same
	settle   time.Duration         // instead of the profile's; 0 is that
	play     func(ctx context.Context, r *run, s *stage) error
	// after is what is looked at when all readers have all; nil is nothing.
	after func(ctx context.Context, r *run, s *stage) error
}

// result is what came of an act.
type result struct {
	name    string
	dir     string
	faults  []history.Fault
	samples []history.Sample
	figures []check.Figure // measured by the act itself
	wrongs  []string       // violations seen by the act itself
	report  check.Report
	posts   int
	reads   int
	took    time.Duration
}

func (r *result) ok() bool { return r.report.OK() && len(r.wrongs) == 0 }

// perform plays an act from an empty directory to its verdict.
func (r *run) perform(ctx context.Context, a act) (out *result, err error) {
	began := time.Now()
	dir := filepath.Join(r.dir, a.name)
	s, err := r.open(ctx, a, dir)
	if err != nil {
		return nil, err
	}
	err = r.live(ctx, a, s) // an interrupt ends the play; what follows from it is done in order
	if err := errors.Join(err, s.close()); err != nil {
		return nil, fmt.Errorf("act %s: %w", a.name, err)
	}
	report, err := check.Judge(dir)
	if err != nil {
		return nil, err
	}
	out = &result{
		name: a.name, dir: dir, faults: s.recorded, samples: s.sampler.all, figures: s.figures, wrongs: s.wrongs, report: report, took: time.Since(began),
	}
	if spread, err := drains(dir); err == nil && a.name == rollingName {
		out.figures = append(out.figures, spread)
	}
	out.posts, out.reads = counted(report, "posts acknowledged"), counted(report, "deliveries")
	return out, nil
}

// live is an act from its first sample to its last.
func (r *run) live(ctx context.Context, a act, s *stage) error {
	s.sampler.enter(ctx, phaseBaseline)
	record := history.Run{
		Seed: r.seed, Profile: r.profile.name, Versions: r.versions, Nodes: len(s.bed.Nodes()),
		Synchronous: s.config.Synchronous, Began: time.Now().UnixNano(),
	}
	sampling, stop := context.WithCancel(context.WithoutCancel(ctx))
	var sampler sync.WaitGroup
	sampler.Go(func() { s.sampler.run(sampling, r.profile.sample) })
	err := r.load(ctx, a, s, &record)
	stop()
	sampler.Wait()
	if err != nil {
		return err
	}
	if err := s.rest(ctx, cmp.Or(a.settle, r.profile.settle)); err != nil {
		return err
	}
	ctx, cancel := lifting(ctx)
	defer cancel()
	s.sampler.enter(ctx, phaseAfter)
	return s.conclude(ctx, record)
}

// load runs the clients and the act's play, and leaves when all readers have all.
func (r *run) load(ctx context.Context, a act, s *stage, record *history.Run) error {
	s.sampler.enter(ctx, phaseLoad)
	clients, err := s.start(ctx, r.seed)
	if err != nil {
		return err
	}
	err = a.play(ctx, r, s)
	err = errors.Join(err, clients.quiet(ctx))
	record.Quiet = time.Now().UnixNano()
	if err == nil {
		err = clients.converge(ctx)
	}
	if err == nil && a.after != nil {
		err = a.after(ctx, r, s)
	}
	record.Ended = time.Now().UnixNano()
	return errors.Join(err, clients.end())
}

// rest gives nodes time to release what the load took, once no client has a
// connection to them. nginx is a client of theirs, too, and keeps idle ones.
func (s *stage) rest(ctx context.Context, settle time.Duration) error {
	lift, cancel := lifting(ctx)
	defer cancel()
	err := s.bed.CloseIdle(lift)
	wait.For(ctx, settle)
	return err
}

// counted is a number of the report's first line: what happened in the run.
func counted(r check.Report, name string) int {
	for _, c := range r.Lines[0].Counts {
		if c.Name == name {
			return c.N
		}
	}
	return 0
}

// conclude writes down what the database holds and what the run was.
func (s *stage) conclude(ctx context.Context, record history.Run) error {
	db, err := s.dump(ctx)
	if err != nil {
		return err
	}
	return errors.Join(
		history.Save(filepath.Join(s.dir, history.DatabaseFile), db),
		history.Save(filepath.Join(s.dir, history.RunFile), record),
	)
}
