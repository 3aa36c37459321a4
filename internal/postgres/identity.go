package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// identity tells one database's history from another's: a restored dump has
// another oid of its events table, a new cluster another system identifier, a
// promoted standby or a point-in-time restore another timeline.
type identity struct {
	System    string
	Timeline  string
	EventsOID int64
}

// CheckIdentity compares the database with the one the epochs were made for. In
// another one every blog gets a new epoch, since its numbers may mean other
// events than those that readers have seen; they are told by a reset.
//
// Where the operator declares synchronous replication, a new timeline alone
// keeps the epochs: nothing that was acknowledged was lost.
func (db *DB) CheckIdentity(ctx context.Context) error {
	return db.tx(ctx, func(tx pgx.Tx) error {
		is, err := readIdentity(ctx, tx)
		if err != nil {
			return err
		}
		was, err := storedIdentity(ctx, tx)
		if errors.Is(err, pgx.ErrNoRows) {
			return storeIdentity(ctx, tx, is)
		}
		if err != nil || was == is {
			return err
		}
		return db.adopt(ctx, tx, was, is)
	})
}

// adopt makes another database the one the epochs are for.
func (db *DB) adopt(ctx context.Context, tx pgx.Tx, was, is identity) error {
	if err := storeIdentity(ctx, tx, is); err != nil {
		return err
	}
	promoted := was.System == is.System && was.EventsOID == is.EventsOID
	if promoted && db.synchronous {
		slog.InfoContext(ctx, "the database was promoted; synchronous replication keeps the epochs", "timeline", is.Timeline)
		return nil
	}
	slog.WarnContext(ctx, "the database is another one; readers will start again", "was", was, "is", is)
	_, err := newEpochs(ctx, tx, nil)
	return err
}

func readIdentity(ctx context.Context, tx pgx.Tx) (is identity, err error) {
	err = tx.QueryRow(ctx, `
		SELECT (SELECT system_identifier::text FROM pg_control_system()),
		       substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8),
		       'events'::regclass::oid::bigint`).Scan(&is.System, &is.Timeline, &is.EventsOID)
	if err != nil {
		return is, fmt.Errorf("database identity: %w", err)
	}
	return is, nil
}

func storedIdentity(ctx context.Context, tx pgx.Tx) (was identity, err error) {
	err = tx.QueryRow(ctx, `SELECT system_id, timeline, events_oid FROM cluster_identity FOR UPDATE`).
		Scan(&was.System, &was.Timeline, &was.EventsOID)
	return was, err
}

func storeIdentity(ctx context.Context, tx pgx.Tx, is identity) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO cluster_identity (system_id, timeline, events_oid) VALUES ($1, $2, $3)
		ON CONFLICT (one) DO UPDATE SET system_id = $1, timeline = $2, events_oid = $3`,
		is.System, is.Timeline, is.EventsOID)
	return err
}

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
