//go:build unix

package run

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"dateline/internal/proof/chaos/history"
	"dateline/internal/proof/chaos/testbed"
	"dateline/internal/wait"
)

// What becomes of the nodes while an older state of the database is put back.
const (
	stopped = "nodes stopped"                          // and started again when it is there
	lived   = "nodes lived"                            // and publishers used them at once
	blind   = "two nodes lived and did not see it yet" // the third began anew, and was published through
)

// restoration is one way to put an older state back and to overtake it: more is
// published than was lost before readers come, or as they look on.
type restoration struct {
	how   string // of the copy, as the bed calls it, or dumped
	nodes string
	// unnoticed lists who can't notice, however right the nodes are.
	unnoticed []string
}

// dumped is a copy by pg_dump: its tables are others than those that were copied.
const dumped = "dump"

// What readers keep that cannot notice a restore. A copy of the files put back under nodes that were stopped is
// named as before in all that the database knows of itself; only what readers know
// of the log tells it apart. A bare number tells nothing of the log.
var (
	onlyNumbers  = []string{history.KeepsNumber}
	namesNothing = []string{history.KeepsEpoch, history.KeepsNative, history.KeepsNumber}
)

var restorations = []restoration{
	{how: testbed.Cold, nodes: stopped, unnoticed: namesNothing},
	{how: testbed.Hot, nodes: lived, unnoticed: onlyNumbers},
	{how: testbed.Volume, nodes: blind, unnoticed: onlyNumbers},
	{how: dumped, nodes: stopped, unnoticed: onlyNumbers},
	{how: testbed.Base, nodes: stopped, unnoticed: namesNothing},
	{how: testbed.Volume, nodes: lived, unnoticed: onlyNumbers},
	{how: testbed.Hot, nodes: stopped, unnoticed: namesNothing},
	{how: testbed.Base, nodes: blind, unnoticed: onlyNumbers},
}

// putBack puts older states back, one after the other, below clients of every kind.
func putBack(all []restoration) act {
	return act{
		name:   "putback",
		settle: briefly,
		bed:    func(c *testbed.Config) { c.Standby, c.Synchronous = false, false },
		workload: func(c *workload) {
			c.Blogs, c.Publishers, c.Streams, c.Polls, c.Slow, c.Stay = 2, 6, 40, 20, 0, 4*time.Second
		},
		play: func(ctx context.Context, r *run, s *stage) error {
			for i := 0; i < len(all) && ctx.Err() == nil; i++ {
				one := all[i]
				r.say("put back: %s, %s", one.how, one.nodes)
				wait.For(ctx, 2*time.Second)
				if err := s.putBack(ctx, one); err != nil {
					return fmt.Errorf("%s, %s: %w", one.how, one.nodes, err)
				}
			}
			wait.For(ctx, 7*time.Second) // readers who need not notice are judged again from here
			return nil
		},
	}
}

// noticing is longer than nodes take to compare what they told with the log, and
// to hear of a new epoch.
const noticing = 3 * time.Second

// putBackOne is a step of the scenario of a broken server.
func putBackOne(one restoration) step {
	return func(ctx context.Context, _ *run, s *stage) error {
		defer wait.For(ctx, noticing)
		return s.putBack(ctx, one)
	}
}

// putBack makes one restoration, with publishers and readers at work.
func (s *stage) putBack(ctx context.Context, one restoration) error {
	fault := history.Fault{
		Kind: "F45", Name: "older state put back and overtaken: " + one.how + ", " + one.nodes, Began: time.Now().UnixNano(),
		Allows: history.Allows{
			Reset: []string{"epoch", "chain", "ahead"}, Lost: true, Down: true, Views: true, Stale: true,
			Close: one.nodes == stopped, Unnoticed: one.unnoticed,
		},
	}
	err := s.lose(ctx, one)
	fault.Ended = time.Now().UnixNano()
	fault.Recovered = s.recovered(ctx, fault.Ended)
	s.record(fault)
	return err
}

// lose copies the database, lets publishers go on, puts the copy back and
// overtakes what was lost.
func (s *stage) lose(ctx context.Context, one restoration) error {
	lift, cancel := lifting(ctx)
	defer cancel()
	copied := filepath.Join(s.dir, fmt.Sprintf("copy-%d", time.Now().UnixNano()))
	if err := s.copy(lift, one.how, copied); err != nil {
		return err
	}
	s.more(ctx, 2*some)
	if one.nodes == blind {
		return s.loseBlind(lift, one, copied)
	}
	if one.nodes == stopped {
		for _, n := range s.bed.Nodes() {
			n.Client.Refuse(true) // readers and publishers come when all is overtaken
			n.Kill()
		}
	}
	heads, err := s.heads(lift)
	if err != nil {
		return err
	}
	if err := s.giveBack(lift, one.how, copied); err != nil {
		return err
	}
	if one.nodes == stopped {
		err := errors.Join(s.startAll(lift), s.overtake(lift, heads))
		s.letAllIn()
		return err
	}
	return s.overtaken(lift, heads)
}

// loseBlind keeps the database from all nodes but the first until the first one,
// which knows nothing, has published more than was lost.
func (s *stage) loseBlind(ctx context.Context, one restoration, copied string) error {
	first := s.node(1)
	killed := history.Fault{Kind: "F2", Name: "node killed", Target: "node 1", Allows: allowsNodeDead, Began: time.Now().UnixNano()}
	for _, n := range s.bed.Nodes()[1:] {
		for _, l := range n.Database {
			l.Refuse(true)
			l.Cut()
			defer l.Refuse(false)
		}
	}
	first.Kill()
	heads, err := s.heads(ctx)
	if err != nil {
		return err
	}
	err = errors.Join(s.giveBack(ctx, one.how, copied), start(ctx, first))
	killed.Ended = time.Now().UnixNano()
	s.record(killed)
	if err != nil {
		return err
	}
	return s.overtake(ctx, heads)
}

func (s *stage) copy(ctx context.Context, how, to string) error {
	if how == dumped {
		return s.bed.Dump(ctx, to)
	}
	return s.bed.Copy(ctx, how, to)
}

// giveBack replaces the database by a copy, which must look as its copy says.
func (s *stage) giveBack(ctx context.Context, how, copied string) error {
	if how == dumped {
		return s.bed.Restore(ctx, copied)
	}
	was, err := s.bed.Identity(ctx)
	if err != nil {
		return err
	}
	if err := errors.Join(s.bed.Lose(), s.bed.PutBack(ctx, copied)); err != nil {
		return err
	}
	is, err := s.bed.Identity(ctx)
	if err == nil && is != was {
		s.wrong("put back, PostgreSQL calls itself %s instead of %s: this shows nothing", is, was)
	}
	return err
}

// heads are how far the logs of all blogs go.
func (s *stage) heads(ctx context.Context) (heads map[string]int64, err error) {
	heads = map[string]int64{}
	for _, slug := range s.slugs {
		if heads[slug], err = s.head(ctx, slug); err != nil {
			return nil, err
		}
	}
	return heads, nil
}

// beyondLost is how many events more than were lost make sure that numbers say nothing.
const beyondLost = 10

// overtake publishes on all blogs, past the links of clients, until their logs are
// longer than they were.
func (s *stage) overtake(ctx context.Context, heads map[string]int64) error {
	var g errgroup.Group
	for slug, was := range heads {
		g.Go(func() error {
			head, err := s.head(ctx, slug)
			for n := 0; err == nil && head < was+beyondLost && ctx.Err() == nil; n++ {
				w := s.newWrite("overtaking", n)
				w.Blog = slug
				if err = s.postTo(ctx, s.node(1).Direct(), w, "another text for a number that was taken"); err == nil {
					head, err = s.head(ctx, slug)
				}
			}
			return err
		})
	}
	return errors.Join(g.Wait(), ctx.Err())
}

// overtaken waits until publishers have made the logs longer than they were.
func (s *stage) overtaken(ctx context.Context, heads map[string]int64) error {
	for slug, was := range heads {
		if err := s.until(ctx, `SELECT last_seq > $2 FROM blogs WHERE slug = $1`, slug, was+beyondLost); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) startAll(ctx context.Context) error {
	var g errgroup.Group
	for _, n := range s.bed.Nodes() {
		g.Go(func() error { return start(ctx, n) })
	}
	return g.Wait()
}

func (s *stage) letAllIn() {
	for _, n := range s.bed.Nodes() {
		n.Client.Refuse(false)
	}
}
