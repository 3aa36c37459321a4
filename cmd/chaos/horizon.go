//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dateline/internal/chaos/history"
	"dateline/internal/chaos/netfault"
	"dateline/internal/chaos/testbed"
)

// nearHorizon is how many events pruning leaves: about what is published while a
// reader is away.
const nearHorizon = 60

// horizon prunes again and again, close behind the end of the log, while readers
// come back with cursors on both sides of what is left. Their node has just begun,
// so that what they ask for is read from the database, over a link so thin that
// time passes between the statements of one read.
func horizon(lasts time.Duration) act {
	return act{
		name:   "horizon",
		settle: briefly,
		bed:    func(c *testbed.Config) { c.Nodes, c.Nginx, c.Standby, c.Synchronous = 2, false, false, false },
		crew:   nearCrew,
		play:   pruneNear(lasts),
	}
}

// nearCrew are readers who are away for about as long as an event is kept.
func nearCrew(c *crew) {
	*c = crew{Blogs: 1, Publishers: 6, Rate: 12, Streams: 90, Polls: 30, AtLast: true}
	c.Stay, c.Away, c.MostRetry = 250*time.Millisecond, time.Second, 300*time.Millisecond
}

func pruneNear(lasts time.Duration) step {
	return func(ctx context.Context, r *run, s *stage) error {
		r.say("prune behind the end of the log for %v", lasts)
		s.published(ctx, 2*nearHorizon)
		fault := history.Fault{
			Kind: "F46", Name: "events pruned close to the end of the log, under readers who come back", Began: time.Now().UnixNano(),
			Allows: history.Allows{Reset: []string{"pruned"}, Down: true, Views: true, Stale: true, Close: true},
		}
		times, err := s.pruneClosely(ctx, lasts)
		fault.Ended, fault.Detail = time.Now().UnixNano(), fmt.Sprintf("%d times", times)
		fault.Recovered = s.recovered(ctx, fault.Ended)
		s.tell(fault)
		return err
	}
}

// renewEvery is how long the readers' node lives: what it has heard of itself it
// tells without asking the database.
const renewEvery = 4 * time.Second

func (s *stage) pruneClosely(ctx context.Context, lasts time.Duration) (times int, err error) {
	thin := netfault.Conditions{Up: netfault.Way{BytesPerSecond: 1536, Slice: 64}}
	ctx, cancel := context.WithTimeout(ctx, lasts)
	defer cancel()
	renewed := make(chan error, 1)
	go func() { renewed <- s.renewLast(ctx, thin) }()
	for ctx.Err() == nil && err == nil {
		err = s.prune(ctx, s.slugs[0], nearHorizon)
		times++
	}
	return times, errors.Join(err, <-renewed)
}

// renewLast kills the last node again and again. A link as thin as that would keep
// it from starting.
func (s *stage) renewLast(ctx context.Context, thin netfault.Conditions) (err error) {
	for ctx.Err() == nil && err == nil {
		err = s.killed(ctx, s.last().Number, func() { s.setLinks(s.last().Number, netfault.Conditions{}) })
		s.setLinks(s.last().Number, thin)
		hold(ctx, renewEvery)
	}
	s.setLinks(s.last().Number, netfault.Conditions{})
	return err
}

func (s *stage) setLinks(number int, c netfault.Conditions) {
	for _, l := range s.links(number) {
		l.Set(c)
	}
}
