//go:build unix

package run

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"dateline/internal/proof/chaos/check"
	"dateline/internal/proof/chaos/history"
	"dateline/internal/proof/chaos/netfault"
	"dateline/internal/proof/chaos/testbed"
	"dateline/internal/wait"
)

// limits say when the mixed act is over: when all of them are reached.
type limits struct {
	only   string // kinds by id; empty is all
	lasts  time.Duration
	posts  int
	faults int
	rounds int
}

// reached reports whether an act has done what it should.
func (l limits) reached(since time.Time, posts, faults, rounds int) bool {
	return time.Since(since) >= l.lasts && posts >= l.posts && faults >= l.faults && rounds >= l.rounds
}

// mixed injects what a plan of the seed deals.
func mixed(name string, l limits, p pace) act {
	variants := l.only == "" || slices.ContainsFunc(strings.Split(l.only, ","), func(id string) bool { return id == "F24" || id == "F36" })
	return act{name: name, variants: variants, play: func(ctx context.Context, r *run, s *stage) error {
		kinds, err := chosen(catalogue(), l.only)
		if err != nil {
			return err
		}
		plan := newPlan(r.seed, kinds, len(s.bed.Nodes()), p)
		first := newPlan(r.seed, kinds, len(s.bed.Nodes()), p).rounds(plannedRounds)
		if err := history.Save(filepath.Join(s.dir, planFile), first); err != nil {
			return err
		}
		s.warm(ctx)
		began := time.Now()
		for rounds := 0; ctx.Err() == nil; rounds++ {
			if l.reached(began, s.tally.Statuses()[http.StatusCreated], len(s.recorded), rounds) {
				return nil
			}
			next := plan.next()
			r.say("%6.1f s  round %d: %v", time.Since(began).Seconds(), rounds+1, next)
			s.play(ctx, kinds, next)
		}
		return nil
	}}
}

// plain publishes without a fault, on many blogs at once: the posts of one wait
// for each other's commits.
func plain(posts int) act {
	a := mixed("plain", limits{only: "F40", posts: posts}, steadily)
	a.workload = func(c *workload) { c.Blogs, c.Publishers, c.Streams, c.Polls = 8, 40, 400, 40 }
	return a
}

// warm waits until all readers follow and every node has shown its pages once:
// what a node never had, it can't keep showing.
func (s *stage) warm(ctx context.Context) {
	s.recovered(ctx, time.Now().UnixNano())
	for _, n := range s.bed.Nodes() {
		for _, slug := range s.slugs {
			if _, _, err := s.page(ctx, n.URL()+"/b/"+slug); err != nil {
				s.wrong("page of %s before any fault: %v", slug, err)
			}
		}
	}
}

// planFile lists the first rounds of a plan, beside the history.
const (
	planFile      = "plan.json"
	plannedRounds = 300
)

// rollingName is of the act whose goodbyes are measured.
const rollingName = "rolling"

// rolling restarts all nodes in turn, and measures how the readers' reconnects
// spread.
func rolling(times int) act {
	return act{name: rollingName, play: func(ctx context.Context, r *run, s *stage) error {
		k := kindOf(catalogue(), "F3")
		for i := range times {
			r.say("rolling restart %d", i+1)
			s.play(ctx, []kind{k}, round{Pause: 3 * time.Second, Faults: []planned{{Kind: k.id, Target: 1}}})
		}
		return nil
	}}
}

// storm brings many readers at once, who come back all together, do not read, or
// read slowly, and compares how long healthy readers wait for events with how
// long they waited before.
func storm(at, never, slow int) act {
	return act{name: "storm", play: func(ctx context.Context, r *run, s *stage) error {
		wait.For(ctx, 10*time.Second)
		calm := s.tracker.Delays(time.Now().Add(-8*time.Second), time.Now())
		s.figure("delivery from acknowledgement, calm", "%v", calm.Acked)
		s.stormOf(ctx, r, at)
		s.addHostileReaders(ctx, r, never, slow)
		return nil
	}}
}

// stormOf opens many streams within a second.
func (s *stage) stormOf(ctx context.Context, r *run, count int) {
	r.say("storm of %d streams", count)
	began := time.Now()
	fault := history.Fault{Kind: "F29", Name: "storm of reconnects", Began: began.UnixNano()}
	greeted := s.storm(ctx, count)
	fault.Ended, fault.Detail = time.Now().UnixNano(), fmt.Sprintf("%d of %d greeted", greeted, count)
	s.figure("storm of reconnects", "%d of %d greeted within %v", greeted, count, time.Since(began).Round(time.Millisecond))
	s.record(fault)
}

// hostileHold is how long hostile readers stay: longer than nodes allow.
const hostileHold = 40 * time.Second

// addHostileReaders connects readers that never read, and slow ones, to all nodes.
func (s *stage) addHostileReaders(ctx context.Context, r *run, never, slow int) {
	r.say("%d readers that never read, %d slow ones", never, slow)
	began := time.Now()
	nodes := len(s.bed.Nodes())
	var all sync.WaitGroup
	for n := range nodes {
		f := planned{Target: n + 1, Hold: hostileHold}
		all.Go(func() { _, _ = s.hostile(ctx, f, never/nodes, 0) })  // how many came is not judged
		all.Go(func() { _, _ = s.hostile(ctx, f, slow/nodes, 100) }) // the same
	}
	all.Wait()
	for _, f := range []history.Fault{{Kind: "F27", Name: "readers that never read"}, {Kind: "F26", Name: "slow readers"}} {
		f.Began, f.Ended = began.UnixNano(), time.Now().UnixNano()
		s.record(f)
	}
	s.figure("delivery from acknowledgement, crowded", "%v", s.tracker.Delays(began, time.Now()).Acked)
}

// asynchronous loses what the standby did not have yet: readers get a reset.
func asynchronous() act {
	return act{
		name: "asynchronous",
		bed:  func(c *testbed.Config) { c.Synchronous = false },
		play: func(ctx context.Context, r *run, s *stage) error {
			r.say("fail-over to an asynchronous standby that lags")
			wait.For(ctx, 2*time.Second)
			fault := history.Fault{
				Kind: "F8", Name: "asynchronous standby promoted with lag", Began: time.Now().UnixNano(),
				Allows: history.Allows{Reset: []string{"epoch", "chain", "ahead"}, Lost: true, Down: true, Views: true, Stale: true, Unnoticed: onlyNumbers},
			}
			if err := s.bed.CaughtUp(ctx); err != nil { // what was acknowledged before the fault is not lost
				return err
			}
			err := s.loseTail(ctx)
			fault.Ended = time.Now().UnixNano()
			fault.Recovered = s.recovered(ctx, fault.Ended)
			s.record(fault)
			return err
		},
	}
}

// loseTail loses what replicates, lets publishers go on, and promotes the standby.
func (s *stage) loseTail(ctx context.Context) error {
	s.bed.Primary().Replication.Set(netfault.Conditions{Up: lost, Down: lost})
	wait.For(ctx, 1500*time.Millisecond)
	lift, cancel := lifting(ctx)
	defer cancel()
	return s.bed.Failover(lift)
}

// figure notes what the act measured.
func (s *stage) figure(name, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.figures = append(s.figures, check.Figure{Name: name, Value: fmt.Sprintf(format, args...)})
}

// together runs functions at the same time.
func together(all ...func() error) error {
	var g errgroup.Group
	for _, f := range all {
		g.Go(f)
	}
	return g.Wait()
}
