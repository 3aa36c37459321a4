//go:build unix

package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dateline/internal/proof/chaos/history"
	"dateline/internal/proof/chaos/testbed"
	"dateline/internal/wait"
)

// nearHorizon is how many events pruning leaves: fewer than are published while a
// reader is away.
const nearHorizon = 10

// horizon prunes again and again, close behind the end of the log, while readers
// come back with cursors on both sides of what is left. Their node has just begun,
// so that what they ask for is read from the database, over a link so thin that
// time passes between the statements of one read.
func horizon(lasts time.Duration) act {
	return act{
		name:     "horizon",
		settle:   briefly,
		bed:      func(c *testbed.Config) { c.Nodes, c.Nginx, c.Standby, c.Synchronous = 2, false, false, false },
		workload: nearReaders,
		play:     pruneNear(lasts),
	}
}

// nearReaders are readers who are away for about as long as an event is kept.
func nearReaders(c *workload) {
	*c = workload{Blogs: 1, Publishers: 6, Rate: 12, Streams: 90, Polls: 30, AtLast: true}
	c.Stay, c.Away, c.MostRetry = 1500*time.Millisecond, time.Second, 300*time.Millisecond
}

func pruneNear(lasts time.Duration) step {
	return func(ctx context.Context, r *run, s *stage) error {
		r.say("prune behind the end of the log for %v", lasts)
		s.published(ctx, enough)
		fault := history.Fault{
			Kind: "F46", Name: "events pruned close to the end of the log, under readers who come back", Began: time.Now().UnixNano(),
			Allows: history.Allows{Reset: []string{"pruned"}, Down: true, Views: true, Stale: true, Close: true},
		}
		times, err := s.pruneClosely(ctx, lasts)
		fault.Ended, fault.Detail = time.Now().UnixNano(), fmt.Sprintf("%d times", times)
		fault.Recovered = s.recovered(ctx, fault.Ended)
		s.record(fault)
		return err
	}
}

// Moments of one pruning: until the first readers have come to the node that has
// just begun, which then knows where the log begins and has its statements prepared; while reads of the log are held up;
// and until readers are away and back.
const (
	comeMoment = 700 * time.Millisecond
	readMoment = 250 * time.Millisecond
	awayMoment = 2 * time.Second
)

// pruneClosely lets the readers' node begin anew and takes what its readers come
// back for from under their reads, again and again.
func (s *stage) pruneClosely(ctx context.Context, lasts time.Duration) (times int, err error) {
	ctx, cancel := context.WithTimeout(ctx, lasts)
	defer cancel()
	lift, stop := lifting(ctx)
	defer stop()
	var conns [2]*pgx.Conn
	for i := range conns {
		if conns[i], err = s.connect(ctx); err != nil {
			return 0, err
		}
		defer conns[i].Close(lift)
	}
	for ; ctx.Err() == nil && err == nil; times++ {
		if err = s.killed(ctx, s.last().Number, func() {}); err == nil {
			wait.For(ctx, comeMoment)
			err = s.pruneBetween(lift, conns[0], conns[1])
		}
		wait.For(ctx, awayMoment)
	}
	return times, err
}

// pruneBetween does what the operator's command does, which takes longer to start
// than it may here: the horizon first, then the rows. In between the views are
// locked, which a read needs only for what its events are about.
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
	if _, err := tx.Exec(ctx, `LOCK TABLE post_views IN ACCESS EXCLUSIVE MODE`); err != nil {
		return errors.Join(err, tx.Rollback(ctx))
	}
	wait.For(ctx, readMoment)
	_, err = conn.Exec(ctx, `DELETE FROM events WHERE seq <= $2 AND blog_id = (SELECT id FROM blogs WHERE slug = $1)`, s.slugs[0], low)
	return errors.Join(err, tx.Rollback(ctx))
}
