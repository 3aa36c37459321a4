package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// upkeepLock is the advisory lock under which one node at a time cleans up: any constant.
const upkeepLock = 0x64617465_0002

// Upkeep runs f on one node at a time, and not more often than every interval on
// all nodes together. It reports whether it was this node's turn. The lock is that
// of a connection of its own, which ends with f or with this process.
func (db *DB) Upkeep(ctx context.Context, every time.Duration, f func(context.Context) error) (ran bool, err error) {
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

// claimUpkeep goes by the database's clock. After that was set back, it is due.
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
		return false, fmt.Errorf("claim: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}
