//go:build unix

package run

import (
	"context"
	"net/http"
	"slices"
	"time"

	"dateline/internal/proof/chaos/broken"
	"dateline/internal/proof/chaos/history"
	"dateline/internal/proof/chaos/testbed"
	"dateline/internal/wait"
)

// step is something that happens in the scenario of a broken server.
type step func(ctx context.Context, r *run, s *stage) error

// steps say what must happen for a need of a mutation to be met, for certain and
// on machines of any speed. What is not listed needs nothing but publishers and
// readers, who are always at work.
var steps = map[string][]step{
	broken.Reconnects: {made(streamsCut)},
	broken.Lag:        {made(lag)},
	broken.SlowLink:   {fault("F15"), fault("F15")},
	broken.HalfOpen:   {made(halfOpen)},
	broken.Kill:       {fault("F1")},
	broken.Retries:    {sendTwins},
	broken.Answers:    {fault("F17"), fault("F42")},
	broken.Restart:    {fault("F2")},
	broken.Full:       {sendLong},
	broken.Late:       {letIn},
	broken.Drain:      {fault("F3")},
	broken.Crash:      {fault("F5"), fault("F5"), fault("F5")},
	broken.Undecided:  {made(undecided)},
	broken.Outage:     {fault("F16"), fault("F5")},
	broken.Listener:   {endListeners},
	broken.Prune:      {made(mostPruned)},
	broken.Restore:    {restored().play},
	broken.Away:       {restoredBehind},
	broken.Standby:    {loseUnconfirmed},
	broken.Revoke:     {watchRevoked},
	broken.Snapshot:   {putBackOne(restoration{how: testbed.Base, nodes: stopped, unnoticed: namesNothing})},
	broken.Blind:      {putBackOne(restoration{how: testbed.Volume, nodes: blind, unnoticed: onlyNumbers})},
	broken.Horizon:    {pruneNear(12 * time.Second)},
	broken.Flood:      {floodPages(10 * time.Second)},
	broken.Reopen:     {endAndReopen},
	broken.Locked:     {made(lockedViews)},
	broken.Views:      {idle(4 * time.Second)},
	broken.Samples:    {idle(3 * time.Second)},
}

func idle(d time.Duration) step {
	return func(ctx context.Context, _ *run, _ *stage) error {
		wait.For(ctx, d)
		return nil
	}
}

// fault makes one of the catalogue.
func fault(id string) step { return made(kindOf(catalogue(), id)) }

// made is a step that makes one fault, on one node after the other.
func made(k kind) step {
	return func(ctx context.Context, r *run, s *stage) error {
		n := len(s.recorded)
		f := planned{Kind: k.id, Target: 1 + n%len(s.bed.Nodes()), Hold: 1500 * time.Millisecond, Seed: r.seed + uint64(n)}
		s.play(ctx, []kind{k}, round{Faults: []planned{f}})
		if told := s.recorded[n:]; len(told) > 0 && told[0].Error != "" {
			r.say("    %s was not made: %s", k.id, told[0].Error)
		}
		return nil
	}
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
		workload: func(c *workload) {
			*c = workload{Blogs: 1, Publishers: 4, Rate: 15, Streams: 10, Polls: 3, Slow: 1, Stay: 1500 * time.Millisecond, Late: needs(broken.Late), Keeps: []string{history.KeepsEpoch}}
			c.Wild, c.Home = needs(broken.Wild), needs(broken.Away)
			switch {
			case needs(broken.Horizon):
				nearReaders(c)
				c.Keeps = []string{history.KeepsChain, history.KeepsEpoch, history.KeepsNative, history.KeepsNumber}
			case needs(broken.Flood):
				c.Edits, c.Deletes, c.Tagged = 30, 30, true
			case needs(broken.Snapshot), needs(broken.Blind):
				c.Keeps = []string{history.KeepsChain, history.KeepsReceipt}
			case needs(broken.Pages):
				c.Edits, c.Deletes = -1, -1 // a page may be withheld after a correction
			case needs(broken.Reopen):
				c.Again = 300 * time.Millisecond
			case needs(broken.Stay):
				c.Stay = 0
			case needs(broken.Samples), needs(broken.Drain):
				c.Stay = 100 * time.Millisecond // what one stream leaves behind must add up, and a drain is short
			}
		},
		play: func(ctx context.Context, r *run, s *stage) error {
			s.recoveryTimeout = 3 * time.Second
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
	for ends := time.Now().Add(30 * time.Second); time.Now().Before(ends) && ctx.Err() == nil && s.created() < posts; {
		wait.For(ctx, 50*time.Millisecond)
	}
}

func (s *stage) created() int { return s.tally.Statuses()[http.StatusCreated] }

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
	return all
}
