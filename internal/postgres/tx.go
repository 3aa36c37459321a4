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

// maxAttempts is how often inTx runs a transaction that certainly changed nothing.
const maxAttempts = 4

// inTx runs f in a transaction, commits it, and returns the result of f. It goes on
// when ctx is cancelled, so that a client that disconnects never decides between
// commit and rollback, and ends within txTimeout.
//
// A transaction that certainly changed nothing (a serialisation failure, a
// deadlock, a connection lost before COMMIT) is attempted again, so f may run
// several times. When COMMIT was sent and its answer is missing, or the standby did
// not confirm it, the error is ErrUnknownOutcome: the client must repeat the
// request with the same idempotency key. With synchronous replication, a rejection
// by f is returned only after the standby has confirmed what it rests on.
func inTx[T any](ctx context.Context, db *core, f func(tx pgx.Tx) (T, error)) (result T, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), txTimeout)
	defer cancel()
	for attempt := range maxAttempts {
		if result, err = attemptTx(ctx, db.writePool, db.synchronous, f); !retryable(err) || ctx.Err() != nil {
			break
		}
		pauseBeforeRetry(ctx, attempt)
	}
	if err != nil {
		var none T
		return none, db.confirmBeforeReject(ctx, dbError(err))
	}
	return result, nil
}

// tx is inTx for a function without a result.
func (db *core) tx(ctx context.Context, f func(tx pgx.Tx) error) error {
	_, err := inTx(ctx, db, func(tx pgx.Tx) (struct{}, error) { return struct{}{}, f(tx) })
	return err
}

// attemptTx runs f once in a transaction and commits it. With replicated, the
// commit waits for the standby even if f wrote nothing: a repeated request is found
// done only if the commit of the first one was confirmed.
func attemptTx[T any](ctx context.Context, pool *pgxpool.Pool, replicated bool, f func(tx pgx.Tx) (T, error)) (result T, err error) {
	conn, err := acquire(ctx, pool)
	if err != nil {
		return result, err
	}
	defer conn.Release()
	tx, err := conn.Begin(ctx)
	if err != nil {
		return result, err
	}
	result, err = f(tx)
	if err == nil && replicated {
		err = forceCommitRecord(ctx, tx)
	}
	if err != nil {
		rollback(tx)
		return result, err
	}
	return result, commit(ctx, conn, tx)
}

// forceCommitRecord makes a transaction that has written nothing write a message to
// the write-ahead log, which has no other effect. Without a record of its own, a
// commit would not wait for the standby.
func forceCommitRecord(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `
		SELECT pg_logical_emit_message(true, 'dateline', '')
		WHERE pg_current_xact_id_if_assigned() IS NULL`)
	return err
}

// snapshot runs f in a read-only transaction in which all statements see the same
// state of the database.
func (db *core) snapshot(ctx context.Context, f func(tx pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	conn, err := acquire(ctx, db.readPool.of(ctx))
	if err != nil {
		return err
	}
	defer conn.Release()
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return dbError(pgx.BeginTxFunc(ctx, conn, options, f))
}

func rollback(tx pgx.Tx) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = tx.Rollback(ctx) // if it fails, pgx closes the connection, and PostgreSQL rolls back
}

// commit commits tx. An error that is not ErrUnknownOutcome means that the
// transaction was certainly rolled back.
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

// certain reports whether the error of a COMMIT proves that the transaction was
// rolled back. An error of class 57 (operator intervention) proves nothing:
// PostgreSQL may be shut down or the backend cancelled after the local commit, while
// it waits for the standby.
func certain(err error) bool {
	if errors.Is(err, pgx.ErrTxCommitRollback) {
		return true
	}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && class(pg.Code) != "57" && class(pg.Code) != "08"
}

// unreplicated is the key under which a connection records that its last commit was
// not confirmed by the standby.
const unreplicated = "dateline.unreplicated"

// noteUnreplicated handles notices of the server. A warning beside a successful
// COMMIT is the only sign that the transaction is durable on the primary alone.
func noteUnreplicated(c *pgconn.PgConn, n *pgconn.Notice) {
	if n.Code == "01000" && n.Severity == "WARNING" {
		c.CustomData()[unreplicated] = true
	}
}

// pauseBeforeRetry waits 10 to 30 ms after the first attempt and twice as long after
// each further one. The random part keeps transactions that collided from
// colliding again.
func pauseBeforeRetry(ctx context.Context, attempt int) {
	wait := time.Duration(20<<attempt) * time.Millisecond
	sleep(ctx, wait/2+rand.N(wait))
}

// sleep returns after d, or when ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
