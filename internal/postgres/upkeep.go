package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// upkeepLock is the id of the advisory lock of the node that does the upkeep. It is an
// arbitrary constant.
const upkeepLock = 0x64617465_0002

// Upkeep runs f on one node at a time, and at most once per interval on all nodes
// together. It reports whether this node ran it. The session of a connection of its
// own holds the lock, which therefore ends with f or with the process.
func (db *UpkeepStore) Upkeep(ctx context.Context, every time.Duration, f func(context.Context) error) (ran bool, err error) {
	conn, err := db.connect(ctx, "dateline upkeep")
	if err != nil {
		return false, readErr(err, "upkeep")
	}
	defer closeConn(conn)
	if ran, err = claimUpkeep(ctx, conn, every); err != nil || !ran {
		return false, readErr(err, "upkeep")
	}
	return true, f(ctx)
}

// claimUpkeep takes the lock and reports whether the upkeep is due, by the clock of the
// database. It is also due when the last time is in the future: the clock was set back.
func claimUpkeep(ctx context.Context, conn *pgx.Conn, every time.Duration) (due bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, int64(upkeepLock)).Scan(&due); err != nil || !due {
		return false, err
	}
	tag, err := conn.Exec(ctx, `
		INSERT INTO upkeep AS u (at) VALUES (now())
		ON CONFLICT (one) DO UPDATE SET at = now()
		WHERE u.at <= now() - $1::interval OR u.at > now()`, every)
	if err != nil {
		return false, fmt.Errorf("claim every %v: %w", every, err)
	}
	return tag.RowsAffected() == 1, nil
}
