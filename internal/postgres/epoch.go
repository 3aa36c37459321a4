package postgres

import (
	"context"
	"fmt"
	"log/slog"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// NewEpoch makes every reader of a blog start again; nil means all blogs. It
// returns how many blogs it concerned.
func (db *DB) NewEpoch(ctx context.Context, by liveblog.Actor, blogID *uuid.UUID) (n int64, err error) {
	err = db.tx(ctx, func(tx pgx.Tx) error {
		if n, err = newEpochs(ctx, tx, blogID); err != nil {
			return err
		}
		return audit(ctx, tx, by, "blog.epoch", fmt.Sprint(blogID), nil)
	})
	return n, err
}

// RenewEpochs begins a new epoch for every blog when the log of one does not go on
// from what a node has told of it: a backup was put back in a way that leaves the
// identity as it was. A node that finds the epoch changed already only follows.
func (db *DB) RenewEpochs(ctx context.Context, told liveblog.Head) error {
	err := db.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT FROM cluster_identity FOR UPDATE`); err != nil {
			return fmt.Errorf("lock identity: %w", err)
		}
		same, err := goesOnFrom(ctx, tx, told)
		if err != nil || same {
			return err
		}
		slog.WarnContext(ctx, "a log is not the one that was told, so a backup was put back; readers will start again", "blog", told.BlogID, "seq", told.LastSeq)
		_, err = newEpochs(ctx, tx, nil)
		return err
	})
	return readErr(err, "renew epochs")
}

// goesOnFrom reports whether a blog's log holds what was told of it, as far as that
// is still known, or has an epoch of its own already.
func goesOnFrom(ctx context.Context, tx pgx.Tx, told liveblog.Head) (same bool, err error) {
	err = tx.QueryRow(ctx, `
		SELECT b.epoch <> $2 OR $3 < b.low_seq OR coalesce($4 = encode(CASE $3
				WHEN b.last_seq THEN b.chain
				WHEN b.low_seq THEN b.low_chain
				ELSE (SELECT e.chain FROM events e WHERE e.blog_id = b.id AND e.seq = $3)
			END, 'hex'), false)
		FROM blogs b WHERE b.id = $1
		FOR NO KEY UPDATE`, told.BlogID, told.Epoch, told.LastSeq, told.Chain).Scan(&same)
	return same, err
}

func newEpochs(ctx context.Context, tx pgx.Tx, blogID *uuid.UUID) (int64, error) {
	tag, err := tx.Exec(ctx, `
		UPDATE blogs SET epoch = encode(substring(uuid_send(gen_random_uuid()) from 1 for 6), 'hex')
		WHERE $1::uuid IS NULL OR id = $1`, blogID)
	if err != nil {
		return 0, fmt.Errorf("new epoch: %w", err)
	}
	return tag.RowsAffected(), nil
}
