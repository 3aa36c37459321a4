package postgres

import (
	"context"
	"fmt"

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

func newEpochs(ctx context.Context, tx pgx.Tx, blogID *uuid.UUID) (int64, error) {
	tag, err := tx.Exec(ctx, `
		UPDATE blogs SET epoch = encode(substring(uuid_send(gen_random_uuid()) from 1 for 6), 'hex')
		WHERE $1::uuid IS NULL OR id = $1`, blogID)
	if err != nil {
		return 0, fmt.Errorf("new epoch: %w", err)
	}
	return tag.RowsAffected(), nil
}
