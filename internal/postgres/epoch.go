package postgres

import (
	"context"
	"fmt"
	"log/slog"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// NewEpoch gives a blog a new epoch, so that all its readers start again; nil means all
// blogs. It returns the number of blogs.
func (db *EventStore) NewEpoch(ctx context.Context, by liveblog.Actor, blogID *uuid.UUID) (int64, error) {
	return inTx(ctx, db.core, func(tx pgx.Tx) (int64, error) {
		n, err := newEpochs(ctx, tx, blogID)
		if err != nil {
			return 0, err
		}
		return n, audit(ctx, tx, by, "blog.epoch", fmt.Sprint(blogID), nil)
	})
}

// RenewEpochs gives every blog a new epoch if the log of a blog does not continue the
// one whose head a node has sent to readers: a backup was put back in a way that
// leaves the identity of the database as it was. If another node was faster and the
// blog has a new epoch already, it changes nothing.
func (db *EventStore) RenewEpochs(ctx context.Context, sent liveblog.Head) error {
	err := db.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT FROM cluster_identity FOR UPDATE`); err != nil {
			return fmt.Errorf("lock identity: %w", err)
		}
		same, err := continues(ctx, tx, sent)
		if err != nil || same {
			return err
		}
		slog.WarnContext(ctx, "a log is not the one that was sent to readers, so a backup was put back; readers will start again", "blog", sent.BlogID, "seq", sent.LastSeq)
		_, err = newEpochs(ctx, tx, nil)
		return err
	})
	return readErr(err, "renew epochs: blog %s after event %d", sent.BlogID, sent.LastSeq)
}

// continues reports whether the log of a blog continues the one with the head that was
// sent, has a new epoch already, or is pruned so far that this cannot be known.
func continues(ctx context.Context, tx pgx.Tx, sent liveblog.Head) (same bool, err error) {
	err = tx.QueryRow(ctx, `
		SELECT b.epoch <> $2 OR $3 < b.low_seq OR coalesce($4 = encode(CASE $3
				WHEN b.last_seq THEN b.chain
				WHEN b.low_seq THEN b.low_chain
				ELSE (SELECT e.chain FROM events e WHERE e.blog_id = b.id AND e.seq = $3)
			END, 'hex'), false)
		FROM blogs b WHERE b.id = $1
		FOR NO KEY UPDATE`, sent.BlogID, sent.Epoch, sent.LastSeq, sent.Chain).Scan(&same)
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
