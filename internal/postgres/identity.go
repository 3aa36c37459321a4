package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// identity tells one database's history from another's: a restored dump has
// another oid of its events table, a new cluster another system identifier, a
// promoted standby or a point-in-time restore another timeline.
type identity struct {
	System    string
	Timeline  string // eight hexadecimal digits; a promotion makes a higher one
	EventsOID int64
}

// older reports whether a server is one that another was promoted over: it is
// back, takes writes, and knows nothing of what came since.
func (is identity) older(known identity) bool {
	return is.System == known.System && is.Timeline < known.Timeline
}

const identitySQL = `
	SELECT (SELECT system_identifier::text FROM pg_control_system()),
	       substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8),
	       coalesce(to_regclass('events')::oid::bigint, 0)`

// fence holds the identity that the process works with. Connections of the pools
// to any other database are refused until the listener has adopted it, so that
// no event of another history is told under an old epoch.
type fence struct {
	mu       sync.Mutex
	known    identity
	stranger bool // a pool met another identity
}

func (f *fence) adopted(is identity) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known, f.stranger = is, false
}

// met reports whether a connection to a database of this identity may be used.
func (f *fence) met(is identity) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known == (identity{}) || f.known == is {
		return true
	}
	f.stranger = true
	return false
}

// metTable is met for what a query tells: the oid of the events table.
func (f *fence) metTable(oid uint32) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known == (identity{}) || f.known.EventsOID == int64(oid) {
		return true
	}
	f.stranger = true
	return false
}

// estranged reports whether a connection was refused since the last adoption.
func (f *fence) estranged() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stranger
}

func (f *fence) latest() identity {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.known
}

var (
	errStandby  = errors.New("the server is a standby")
	errOlder    = errors.New("the server is an old primary that another was promoted over")
	errStranger = fmt.Errorf("%w: the database is another one", liveblog.ErrUnavailable)
)

// admitKnown lets a pool use a server that takes writes and has the known identity.
func (db *DB) admitKnown(ctx context.Context, c *pgconn.PgConn) error {
	is, err := serverIdentity(ctx, c)
	if err == nil && !db.fence.met(is) {
		err = errStranger
	}
	return err
}

// admitNewer lets the listener use a server that takes writes, unless it is one
// that was left behind.
func (db *DB) admitNewer(ctx context.Context, c *pgconn.PgConn) error {
	is, err := serverIdentity(ctx, c)
	if err == nil && is.older(db.fence.latest()) {
		slog.ErrorContext(ctx, "an old primary takes writes again: stop it; if it is a restored backup, restart this node", "timeline", is.Timeline)
		err = errOlder
	}
	return err
}

// serverIdentity reads the identity of a server that was just connected to.
// A standby can't tell its timeline by this query, and is not wanted.
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

// CheckIdentity compares the database with the one the epochs were made for. In
// another one every blog gets a new epoch, since its numbers may mean other
// events than those that readers have seen; they are told by a reset. From then
// on the pools use this database and no other.
//
// Where the operator declares synchronous replication, a new timeline alone
// keeps the epochs: nothing that was acknowledged was lost, as far as this
// process can see.
func (db *DB) CheckIdentity(ctx context.Context) error {
	conn, err := db.connect(ctx, "dateline identity")
	if err != nil {
		return readErr(err, "database identity")
	}
	defer closeConn(conn)
	return db.identify(ctx, conn)
}

// identify is CheckIdentity on a connection that is there.
func (db *DB) identify(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, txTimeout)
	defer cancel()
	var is identity
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) (err error) {
		if is, err = readIdentity(ctx, tx); err != nil {
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
	if err != nil {
		return readErr(err, "database identity")
	}
	if db.fence.latest() != is {
		db.settled.forget()
	}
	db.fence.adopted(is)
	return nil
}

// adopt makes another database the one the epochs are for.
func (db *DB) adopt(ctx context.Context, tx pgx.Tx, was, is identity) error {
	if err := storeIdentity(ctx, tx, is); err != nil {
		return err
	}
	if was.System == is.System && was.EventsOID == is.EventsOID && db.synchronous {
		lost, err := db.lostSettled(ctx, tx)
		if err != nil || !lost {
			slog.InfoContext(ctx, "the database was promoted; synchronous replication keeps the epochs", "timeline", is.Timeline)
			return err
		}
	}
	slog.WarnContext(ctx, "the database is another one; readers will start again", "was", was, "is", is)
	_, err := newEpochs(ctx, tx, nil)
	return err
}

// lostSettled reports whether a log ends before what the standby had confirmed:
// then this is no promotion but an older backup.
func (db *DB) lostSettled(ctx context.Context, tx pgx.Tx) (lost bool, err error) {
	rows, err := tx.Query(ctx, `SELECT id, last_seq FROM blogs`)
	if err != nil {
		return false, err
	}
	var id uuid.UUID
	var last int64
	_, err = pgx.ForEachRow(rows, []any{&id, &last}, func() error {
		lost = lost || db.settled.reached(id) > last
		return nil
	})
	return lost, err
}

func readIdentity(ctx context.Context, tx pgx.Tx) (is identity, err error) {
	err = tx.QueryRow(ctx, identitySQL).Scan(&is.System, &is.Timeline, &is.EventsOID)
	return is, err
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
