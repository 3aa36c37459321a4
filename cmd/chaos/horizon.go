//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dateline/internal/chaos/history"
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
	ctx, cancel := context.WithTimeout(ctx, lasts)
	defer cancel()
	renewed := make(chan error, 1)
	go func() { renewed <- s.renewLast(ctx) }()
	conn, err := s.connect(ctx)
	if err != nil {
		return 0, errors.Join(err, <-renewed)
	}
	lift, stop := lifting(ctx)
	defer stop()
	defer conn.Close(lift)
	lock, err := s.connect(ctx)
	if err == nil {
		defer lock.Close(lift)
	}
	for ; ctx.Err() == nil && err == nil; times++ {
		err = s.pruneBetween(lift, conn, lock)
		hold(ctx, readMoment)
	}
	return times, errors.Join(err, <-renewed)
}

// renewLast kills the last node again and again.
func (s *stage) renewLast(ctx context.Context) (err error) {
	for ctx.Err() == nil && err == nil {
		err = s.killed(ctx, s.last().Number, func() {})
		hold(ctx, renewEvery)
	}
	return err
}

// readMoment is how long reads of the log are held up.
const readMoment = 150 * time.Millisecond

// pruneBetween does what the operator's command does, which takes longer to start
// than it may here: the horizon first, then the rows. In between the posts are
// locked, so that what has read events waits for what they are about.
func (s *stage) pruneBetween(ctx context.Context, conn, lock *pgx.Conn) error {
	var low int64
	err := conn.QueryRow(ctx, `
		UPDATE blogs b SET low_seq = e.seq, low_chain = e.chain FROM events e
		WHERE b.slug = $1 AND e.blog_id = b.id AND e.seq = b.last_seq - $2
		RETURNING b.low_seq`, s.slugs[0], nearHorizon).Scan(&low)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	tx, err := lock.Begin(ctx)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `LOCK TABLE posts IN ACCESS EXCLUSIVE MODE`); err != nil {
		return errors.Join(err, tx.Rollback(ctx))
	}
	hold(ctx, readMoment)
	_, err = conn.Exec(ctx, `DELETE FROM events WHERE seq <= $2 AND blog_id = (SELECT id FROM blogs WHERE slug = $1)`, s.slugs[0], low)
	return errors.Join(err, tx.Rollback(ctx))
}
