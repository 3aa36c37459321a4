package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// identity tells the history of one database from that of another. A restored dump
// has another oid of the events table, a new cluster another system identifier, a
// promoted standby or a point-in-time restore another timeline.
type identity struct {
	System    string
	Timeline  string // eight hexadecimal digits; each promotion increases it
	EventsOID int64
}

// older reports whether the server of this identity is a former primary of the
// known cluster: another one was promoted over it, and it lacks all later changes.
func (is identity) older(known identity) bool {
	return is.System == known.System && is.Timeline < known.Timeline
}

const identitySQL = `
	SELECT (SELECT system_identifier::text FROM pg_control_system()),
	       substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8),
	       coalesce(to_regclass('events')::oid::bigint, 0)`

// serverIdentity reads the identity of a server right after connecting. A standby
// is errStandby: it takes no writes, and pg_current_wal_lsn fails there.
func serverIdentity(ctx context.Context, c *pgconn.PgConn) (is identity, err error) {
	read := c.ExecParams(ctx, `SELECT CASE WHEN pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' THEN 1 ELSE 0 END`,
		nil, nil, nil, nil).Read()
	if read.Err != nil {
		return is, read.Err
	}
	if string(read.Rows[0][0]) != "0" {
		return is, errStandby
	}
	read = c.ExecParams(ctx, identitySQL, nil, nil, nil, nil).Read()
	if read.Err != nil {
		return is, read.Err
	}
	row := read.Rows[0]
	is.System, is.Timeline = string(row[0]), string(row[1])
	_, err = fmt.Sscan(string(row[2]), &is.EventsOID)
	return is, err
}

// CheckIdentity compares the database with the one that the epochs were made for.
// If it is another one, every blog gets a new epoch and all readers start again,
// since its numbers may mean other events than those the readers have. From then on
// the pools accept this database and no other.
//
// With synchronous replication a new timeline alone keeps the epochs: a promotion
// lost nothing that was acknowledged, as far as this process can know.
func (db *core) CheckIdentity(ctx context.Context) error {
	conn, err := db.connect(ctx, "dateline identity")
	if err != nil {
		return readErr(err, "database identity")
	}
	defer closeConn(conn)
	return db.adoptIdentity(ctx, conn)
}

// adoptIdentity is CheckIdentity on an open connection.
func (db *core) adoptIdentity(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, txTimeout)
	defer cancel()
	var is identity
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) (err error) {
		err = tx.QueryRow(ctx, identitySQL).Scan(&is.System, &is.Timeline, &is.EventsOID)
		if err != nil {
			return err
		}
		var was identity
		err = tx.QueryRow(ctx, `SELECT system_id, timeline, events_oid FROM cluster_identity FOR UPDATE`).
			Scan(&was.System, &was.Timeline, &was.EventsOID)
		if errors.Is(err, pgx.ErrNoRows) {
			return storeIdentity(ctx, tx, is)
		}
		if err != nil || was == is {
			return err
		}
		return db.changeIdentity(ctx, tx, was, is)
	})
	if err != nil {
		return readErr(err, "database identity")
	}
	if db.guard.adopted() != is {
		db.replication.reset()
	}
	db.guard.adopt(is)
	return nil
}

// changeIdentity stores that the epochs are for another database now, and renews
// them unless that database is a promotion which lost nothing.
func (db *core) changeIdentity(ctx context.Context, tx pgx.Tx, was, is identity) error {
	if err := storeIdentity(ctx, tx, is); err != nil {
		return err
	}
	if was.System == is.System && was.EventsOID == is.EventsOID && db.synchronous {
		lost, err := db.lostConfirmed(ctx, tx)
		if err != nil || !lost {
			slog.InfoContext(ctx, "the database was promoted; synchronous replication keeps the epochs", "timeline", is.Timeline)
			return err
		}
	}
	slog.WarnContext(ctx, "the database is another one; readers will start again", "was", was, "is", is)
	_, err := newEpochs(ctx, tx, nil)
	return err
}

// lostConfirmed reports whether the log of any blog ends before what the standby had
// confirmed. Then the database is an older backup, not a promoted standby.
func (db *core) lostConfirmed(ctx context.Context, tx pgx.Tx) (lost bool, err error) {
	rows, err := tx.Query(ctx, `SELECT id, last_seq FROM blogs`)
	if err != nil {
		return false, err
	}
	var id uuid.UUID
	var last int64
	_, err = pgx.ForEachRow(rows, []any{&id, &last}, func() error {
		lost = lost || db.replication.confirmed(id) > last
		return nil
	})
	return lost, err
}

func storeIdentity(ctx context.Context, tx pgx.Tx, is identity) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO cluster_identity (system_id, timeline, events_oid) VALUES ($1, $2, $3)
		ON CONFLICT (one) DO UPDATE SET system_id = $1, timeline = $2, events_oid = $3`,
		is.System, is.Timeline, is.EventsOID)
	return err
}
