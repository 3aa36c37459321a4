package postgres

import (
	"context"
	"errors"
	"fmt"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// batchRows is how many rows one transaction of pruning and retention changes:
// few, so that it holds no lock for long.
const batchRows = 5000

// PruneEvents lets go of the oldest events of a blog, or of all blogs when blogID
// is nil, and keeps the newest keep of each. Posts and their revisions stay; only
// readers whose cursor is older are told to start again. It goes by number, not by
// time, which may jump. It returns how many events it deleted. A blog from which
// nothing is to go is not touched; one that can't be pruned now keeps no other from it.
//
// The horizon is moved first and the rows follow in small transactions: a reader
// who is let in in between is below the horizon, not in a hole.
func (db *DB) PruneEvents(ctx context.Context, by liveblog.Actor, blogID *uuid.UUID, keep int64) (deleted int64, err error) {
	long, err := db.longLogs(ctx, blogID, keep)
	if err != nil {
		return 0, err
	}
	var errs []error
	for _, id := range long {
		n, err := db.pruneBlog(ctx, by, id, keep)
		deleted += n
		if err != nil {
			errs = append(errs, fmt.Errorf("prune blog %s: %w", id, err))
		}
	}
	return deleted, errors.Join(errs...)
}

// longLogs lists the blogs with more events than are to be kept, and those with
// events that an earlier pruning left behind. It takes no lock.
func (db *DB) longLogs(ctx context.Context, blogID *uuid.UUID, keep int64) ([]uuid.UUID, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	rows, err := db.pool.Query(ctx, `
		SELECT id FROM blogs b
		WHERE ($1::uuid IS NULL OR id = $1) AND (last_seq - $2 > low_seq
			OR EXISTS (SELECT FROM events e WHERE e.blog_id = b.id AND e.seq <= b.low_seq))
		ORDER BY id`, blogID, keep)
	if err != nil {
		return nil, readErr(err, "logs")
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	return ids, readErr(err, "logs")
}

func (db *DB) pruneBlog(ctx context.Context, by liveblog.Actor, id uuid.UUID, keep int64) (int64, error) {
	var low int64
	err := db.tx(ctx, func(tx pgx.Tx) (err error) {
		low, err = raiseHorizon(ctx, tx, by, id, keep)
		return err
	})
	if err != nil {
		return 0, err
	}
	return db.inBatches(ctx, `
		DELETE FROM events WHERE blog_id = $2 AND seq IN (
			SELECT seq FROM events WHERE blog_id = $2 AND seq <= $3 ORDER BY seq LIMIT $1)`, id, low)
}

// raiseHorizon moves the horizon of a blog if that changes anything, and tells
// where it is.
func raiseHorizon(ctx context.Context, tx pgx.Tx, by liveblog.Actor, id uuid.UUID, keep int64) (low int64, err error) {
	// The row is locked first: the statement after it sees the newest events.
	var last int64
	err = tx.QueryRow(ctx, `SELECT low_seq, last_seq FROM blogs WHERE id = $1 FOR NO KEY UPDATE`, id).Scan(&low, &last)
	if err != nil || last-keep <= low {
		return low, err
	}
	low = last - keep
	_, err = tx.Exec(ctx, `
		UPDATE blogs SET low_seq = $2, low_chain = coalesce(
			(SELECT e.chain FROM events e WHERE e.blog_id = $1 AND e.seq = $2), low_chain)
		WHERE id = $1`, id, low)
	if err != nil {
		return low, fmt.Errorf("raise horizon: %w", err)
	}
	return low, audit(ctx, tx, by, "events.prune", id.String(), map[string]any{"keep": keep, "low_seq": low})
}

// inBatches runs a statement that changes at most batchRows rows, its first parameter,
// in one transaction after the other until it finds fewer.
func (db *DB) inBatches(ctx context.Context, sql string, args ...any) (changed int64, err error) {
	for n := int64(batchRows); n >= batchRows; changed += n {
		err := db.tx(ctx, func(tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, sql, append([]any{batchRows}, args...)...)
			n = tag.RowsAffected()
			return err
		})
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return changed, err
		}
	}
	return changed, nil
}
