package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// barrierTimeout is how long the standby may take to confirm what was read.
const barrierTimeout = time.Second

// settlement knows how far each blog's log is certain to survive a fail-over.
//
// A synchronous standby does not make all that is visible safe: when the wait for
// it was cancelled, or the primary crashed during the wait, a transaction that the
// standby never got can be read. Had readers seen its event, a fail-over would give
// the event's number to another one, in the same epoch: a silent hole. So nothing
// is told, and no answer given, that rests on what the standby has not confirmed.
type settlement struct {
	mu    sync.Mutex
	upTo  map[uuid.UUID]int64
	epoch map[uuid.UUID]string // that upTo belongs to

	turn  chan struct{} // held by the one barrier under way
	asked int64         // counts the barriers that were asked for
	done  int64         // those up to here are answered, by
	err   error
}

func newSettlement() *settlement {
	return &settlement{upTo: map[uuid.UUID]int64{}, epoch: map[uuid.UUID]string{}, turn: make(chan struct{}, 1)}
}

// raise notes that the standby has confirmed a blog's log up to seq: a later
// commit of the same blog was confirmed, and the log of the database is one.
func (s *settlement) raise(blogID uuid.UUID, seq int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.upTo[blogID] = max(s.upTo[blogID], seq)
}

func (s *settlement) reached(blogID uuid.UUID) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.upTo[blogID]
}

// enter forgets what was confirmed of a blog's log when it is in another epoch now.
func (s *settlement) enter(blogID uuid.UUID, epoch string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if was, known := s.epoch[blogID]; known && was != epoch {
		delete(s.upTo, blogID)
	}
	s.epoch[blogID] = epoch
}

// forget begins anew, for another history.
func (s *settlement) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.upTo)
}

// settle returns when a blog's log up to seq, which was read, is certain to
// survive a fail-over. Without synchronous replication that is never certain, and
// readers are told of a fail-over by a new epoch.
func (db *DB) settle(ctx context.Context, heads ...liveblog.Head) error {
	if !db.synchronous || db.allSettled(heads) {
		return nil
	}
	if err := db.barrier(ctx); err != nil {
		return err
	}
	for _, h := range heads {
		db.settled.raise(h.BlogID, h.LastSeq)
	}
	return nil
}

// settleBlog is settle for all that was read of a blog so far.
func (db *DB) settleBlog(ctx context.Context, blogID uuid.UUID) error {
	if !db.synchronous {
		return nil
	}
	head := liveblog.Head{BlogID: blogID}
	err := db.logPool.QueryRow(ctx, `SELECT last_seq FROM blogs WHERE id = $1`, blogID).Scan(&head.LastSeq)
	if err != nil {
		return readErr(err, "head")
	}
	return db.settle(ctx, head)
}

func (db *DB) allSettled(heads []liveblog.Head) bool {
	for _, h := range heads {
		if db.settled.reached(h.BlogID) < h.LastSeq {
			return false
		}
	}
	return true
}

// barrier returns when all that could be read before is on the standby. Those
// who ask while one runs share the next one.
func (db *DB) barrier(ctx context.Context) error {
	s := db.settled
	s.mu.Lock()
	s.asked++
	ticket := s.asked
	s.mu.Unlock()
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", errUnsettled, ctx.Err())
	}
	s.mu.Lock()
	if s.done >= ticket {
		defer s.mu.Unlock()
		return s.err
	}
	covers := s.asked
	s.mu.Unlock()
	err := db.confirm(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done, s.err = covers, err
	return err
}

// errUnsettled is what was read but may not survive a fail-over.
var errUnsettled = fmt.Errorf("%w: the standby does not confirm", liveblog.ErrUnavailable)

// confirm commits a transaction with nothing in it but a line of the database's
// own log, which the standby confirms with all that came before.
func (db *DB) confirm(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), barrierTimeout)
	defer cancel()
	conn, err := acquire(ctx, db.logPool.Pool)
	if err != nil {
		return err
	}
	defer conn.Release()
	tx, err := conn.Begin(ctx)
	if err != nil {
		return dbError(err)
	}
	if err := writeSomething(ctx, tx); err != nil {
		rollback(tx)
		return dbError(err)
	}
	if err := commit(ctx, conn, tx); err != nil {
		return fmt.Errorf("%w: %w", errUnsettled, err)
	}
	return nil
}

// writeSomething makes the commit of a transaction that has written nothing wait
// for the standby like any other.
func writeSomething(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `
		SELECT pg_logical_emit_message(true, 'dateline', '')
		WHERE pg_current_xact_id_if_assigned() IS NULL`)
	return err
}

// commitSettled commits so that the answer rests on nothing unconfirmed: one who
// repeats a request finds it done, which is only true if the first one's commit is.
func (db *DB) commitSettled(ctx context.Context, conn *pgxpool.Conn, tx pgx.Tx) error {
	if db.synchronous {
		if err := writeSomething(ctx, tx); err != nil {
			rollback(tx)
			return err
		}
	}
	return commit(ctx, conn, tx)
}

// settledRefusal gives a definite refusal only when what it rests on is settled:
// "somebody was faster" may tell a client that its own request was done.
func (db *DB) settledRefusal(ctx context.Context, err error) error {
	var p *liveblog.Problem
	var stale *liveblog.StaleError
	refusal := errors.As(err, &p) || errors.As(err, &stale)
	if !db.synchronous || !refusal || errors.Is(err, liveblog.ErrUnavailable) {
		return err
	}
	if unsettled := db.barrier(ctx); unsettled != nil {
		return unsettled
	}
	return err
}
