package pgtest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"

	"dateline/internal/localpg"
)

// maxSlots bounds how many clusters for tests a machine may run at a time.
const maxSlots = 64

// fast are settings for data that nobody will miss.
var fast = []string{"fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=400",
	"shared_buffers=64MB", "max_wal_size=4GB", "autovacuum_naptime=10min", "log_min_messages=fatal"}

// StartShared starts a cluster in one of a few directories that later runs use
// again, since making a cluster takes longer than all else. It ends with Close or, on
// Linux, with the process.
func StartShared(ctx context.Context) (*localpg.Cluster, error) {
	for i := range maxSlots {
		dir := filepath.Join(os.TempDir(), fmt.Sprintf("dateline-test-%d", os.Getuid()), fmt.Sprint(i))
		if err := os.MkdirAll(dir, 0o711); err != nil {
			return nil, err
		}
		lock, err := localpg.TryLock(filepath.Join(dir, "slot.lock"))
		if err != nil {
			return nil, err
		}
		if lock != nil {
			held = append(held, lock)
			return startSlot(ctx, filepath.Join(dir, "cluster"))
		}
	}
	return nil, errors.New("too many clusters for tests run on this machine")
}

// held keeps the locks open: the end of the process releases them.
var held []*os.File

// startSlot empties a slot whose cluster does not start: with fsync off, a crash
// of the machine may have damaged it.
func startSlot(ctx context.Context, dir string) (*localpg.Cluster, error) {
	config := localpg.Config{Dir: dir, Log: slog.New(slog.DiscardHandler), Settings: fast}
	c, err := localpg.Start(ctx, config)
	if err != nil {
		if err := os.RemoveAll(dir); err != nil {
			return nil, err
		}
		c, err = localpg.Start(ctx, config)
	}
	if err != nil {
		return nil, err
	}
	return c, sweep(ctx, c.DSN("postgres"))
}

// sweep drops what earlier runs left in the slot, and templates of other schemas.
func sweep(ctx context.Context, admin string) error {
	return connected(ctx, admin, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `SELECT datname FROM pg_database WHERE datname LIKE 'dateline\_t%' AND datname <> $1`, templateName())
		if err != nil {
			return err
		}
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, name := range names {
			if _, err := conn.Exec(ctx, "DROP DATABASE "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)"); err != nil {
				return fmt.Errorf("drop %s: %w", strings.TrimSpace(name), err)
			}
		}
		return nil
	})
}
