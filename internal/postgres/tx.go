package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"dateline/internal/liveblog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// txTries is how often a transaction that certainly changed nothing is tried.
const txTries = 4

// tx runs f in one transaction and commits it. It goes on when the caller hangs
// up, so that a client's broken connection never decides between commit and
// rollback, and ends within txTimeout.
//
// What certainly changed nothing (a serialisation failure, a deadlock, a
// connection lost before COMMIT) is tried again. When COMMIT was sent and its
// answer is missing, or the standby did not confirm, the error is
// ErrUnknownOutcome: the caller must ask again with the same idempotency key. A
// refusal that f gives is as certain as a success: see settlement.
func (db *DB) tx(ctx context.Context, f func(tx pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), txTimeout)
	defer cancel()
	var err error
	for try := range txTries {
		if err = db.tryTx(ctx, f); !retryable(err) || ctx.Err() != nil {
			break
		}
		pause(ctx, try)
	}
	return db.settledRefusal(ctx, dbError(err))
}

func (db *DB) tryTx(ctx context.Context, f func(tx pgx.Tx) error) error {
	conn, err := acquire(ctx, db.writePool)
	if err != nil {
		return err
	}
	defer conn.Release()
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		rollback(tx)
		return err
	}
	return db.commitSettled(ctx, conn, tx)
}

// snapshot runs f in a read-only transaction that sees one state of the database.
func (db *DB) snapshot(ctx context.Context, f func(tx pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	conn, err := acquire(ctx, db.pool.of(ctx))
	if err != nil {
		return err
	}
	defer conn.Release()
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return dbError(pgx.BeginTxFunc(ctx, conn, options, f))
}

// acquire waits a bounded time for a connection: a busy pool must answer, not hang.
func acquire(ctx context.Context, pool *pgxpool.Pool) (*pgxpool.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, acquireTimeout)
	defer cancel()
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: no connection: %w", liveblog.ErrUnavailable, err)
	}
	return conn, nil
}

func rollback(tx pgx.Tx) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = tx.Rollback(ctx) // a failed rollback closes the connection, which rolls back
}

// commit tells a certain failure, which PostgreSQL reports as an error of its
// own, from an uncertain one.
func commit(ctx context.Context, conn *pgxpool.Conn, tx pgx.Tx) error {
	custom := conn.Conn().PgConn().CustomData()
	delete(custom, unreplicated)
	err := tx.Commit(ctx)
	if err == nil && custom[unreplicated] != nil {
		return fmt.Errorf("%w: the standby did not confirm", liveblog.ErrUnknownOutcome)
	}
	if err == nil || certain(err) {
		return err
	}
	return fmt.Errorf("%w: commit: %w", liveblog.ErrUnknownOutcome, err)
}

// certain reports whether a failed COMMIT certainly rolled back. An
// administrator's shutdown or cancel may come after the local commit, while it
// waits for the standby.
func certain(err error) bool {
	if errors.Is(err, pgx.ErrTxCommitRollback) {
		return true
	}
	var pg *pgconn.PgError
	return errors.As(err, &pg) && class(pg.Code) != "57" && class(pg.Code) != "08"
}

// unreplicated marks a connection whose last commit was not confirmed.
const unreplicated = "dateline.unreplicated"

// noteUnreplicated catches the only sign of a commit that is durable on the
// primary alone: a warning beside the word of success.
func noteUnreplicated(c *pgconn.PgConn, n *pgconn.Notice) {
	if n.Code == "01000" && n.Severity == "WARNING" {
		c.CustomData()[unreplicated] = true
	}
}

// pause waits a little, longer with each try, without keeping in step with others.
func pause(ctx context.Context, try int) {
	wait := time.Duration(20<<try) * time.Millisecond
	timer := time.NewTimer(wait/2 + rand.N(wait))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
