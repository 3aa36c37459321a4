package postgres

import (
	"context"
	"fmt"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// pruneBatch is how many events one transaction of pruning deletes.
const pruneBatch = 5000

// PruneEvents lets go of the oldest events of a blog, or of all blogs when blogID
// is nil, and keeps the newest keep of each. Posts and their revisions stay; only
// readers whose cursor is older are told to start again. It goes by number, not by
// time, which may jump. It returns how many events it deleted.
//
// The horizon is moved first and the rows follow in small transactions: a reader
// who is let in in between is below the horizon, not in a hole.
func (db *DB) PruneEvents(ctx context.Context, by liveblog.Actor, blogID *uuid.UUID, keep int64) (deleted int64, err error) {
	horizons, err := db.raiseHorizons(ctx, by, blogID, keep)
	if err != nil {
		return 0, err
	}
	for _, h := range horizons {
		n, err := db.deleteEvents(ctx, h)
		deleted += n
		if err != nil {
			return deleted, err
		}
	}
	return deleted, nil
}

// raiseHorizons gives the heads of all blogs that have a horizon: what an
// earlier pruning left behind is deleted by the next one.
func (db *DB) raiseHorizons(ctx context.Context, by liveblog.Actor, blogID *uuid.UUID, keep int64) (horizons []liveblog.Head, err error) {
	err = db.tx(ctx, func(tx pgx.Tx) error {
		// The rows are locked first: the statement after it sees the newest events.
		_, err := tx.Exec(ctx, `SELECT FROM blogs WHERE $1::uuid IS NULL OR id = $1 FOR NO KEY UPDATE`, blogID)
		if err != nil {
			return fmt.Errorf("lock blogs: %w", err)
		}
		rows, err := tx.Query(ctx, `
			UPDATE blogs SET low_seq = greatest(low_seq, last_seq - $2), low_chain = coalesce(
				(SELECT e.chain FROM events e WHERE e.blog_id = blogs.id AND e.seq = greatest(low_seq, last_seq - $2)), low_chain)
			WHERE ($1::uuid IS NULL OR id = $1) AND greatest(low_seq, last_seq - $2) > 0
			RETURNING id, epoch, last_seq, low_seq, status, encode(chain, 'hex')`, blogID, keep)
		if err != nil {
			return fmt.Errorf("raise horizons: %w", err)
		}
		if horizons, err = pgx.CollectRows(rows, pgx.RowToStructByPos[liveblog.Head]); err != nil {
			return err
		}
		return audit(ctx, tx, by, "events.prune", fmt.Sprint(blogID), map[string]any{"keep": keep})
	})
	return horizons, err
}

func (db *DB) deleteEvents(ctx context.Context, h liveblog.Head) (deleted int64, err error) {
	for n := int64(pruneBatch); n == pruneBatch; deleted += n {
		err := db.tx(ctx, func(tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, `
				DELETE FROM events WHERE blog_id = $1 AND seq IN (
					SELECT seq FROM events WHERE blog_id = $1 AND seq <= $2 ORDER BY seq LIMIT $3)`,
				h.BlogID, h.LowSeq, pruneBatch)
			n = tag.RowsAffected()
			return err
		})
		if err != nil {
			return deleted, err
		}
	}
	return deleted, nil
}
