package postgres

import (
	"context"
	"errors"
	"fmt"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// batchRows is how many rows one transaction of pruning and retention changes at most,
// so that it does not hold locks for long.
const batchRows = 5000

// PruneEvents deletes the oldest events of a blog, or of all blogs if blogID is nil, and
// keeps the newest keep of each. Posts and their revisions stay; readers whose
// cursor is older get a reset. It goes by number, since times may jump. It returns how
// many events it deleted. It does not lock blogs that have nothing to prune, and an
// error of one blog does not stop the others.
//
// It raises the horizon (blogs.low_seq) first and deletes the rows afterwards in small
// transactions. A reader that resumes in between has a cursor below the horizon and
// gets a reset; it does not meet a hole.
func (db *UpkeepStore) PruneEvents(ctx context.Context, by liveblog.Actor, blogID *uuid.UUID, keep int64) (deleted int64, err error) {
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

// longLogs lists the blogs with more than keep events, and those in which an
// interrupted pruning left events below the horizon. It takes no locks.
func (db *UpkeepStore) longLogs(ctx context.Context, blogID *uuid.UUID, keep int64) ([]uuid.UUID, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	rows, err := db.readPool.Query(ctx, `
		SELECT id FROM blogs b
		WHERE ($1::uuid IS NULL OR id = $1) AND (last_seq - $2 > low_seq
			OR EXISTS (SELECT FROM events e WHERE e.blog_id = b.id AND e.seq <= b.low_seq))
		ORDER BY id`, blogID, keep)
	if err != nil {
		return nil, readErr(err, "logs longer than %d", keep)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	return ids, readErr(err, "logs longer than %d", keep)
}

func (db *UpkeepStore) pruneBlog(ctx context.Context, by liveblog.Actor, id uuid.UUID, keep int64) (int64, error) {
	low, err := inTx(ctx, db.core, func(tx pgx.Tx) (int64, error) { return raiseHorizon(ctx, tx, by, id, keep) })
	if err != nil {
		return 0, err
	}
	return db.inBatches(ctx, `
		DELETE FROM events WHERE blog_id = $2 AND seq IN (
			SELECT seq FROM events WHERE blog_id = $2 AND seq <= $3 ORDER BY seq LIMIT $1)`, id, low)
}

// raiseHorizon raises the horizon of a blog so that keep events stay, and returns it. It
// never lowers it.
func raiseHorizon(ctx context.Context, tx pgx.Tx, by liveblog.Actor, id uuid.UUID, keep int64) (low int64, err error) {
	// The row is locked by a statement of its own, so that the next one sees all events.
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

// inBatches runs a statement in one transaction after the other until it changes fewer
// than batchRows rows; batchRows is its first parameter, as the limit. It returns how
// many rows changed in total.
func (db *core) inBatches(ctx context.Context, sql string, args ...any) (changed int64, err error) {
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
