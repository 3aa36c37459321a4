package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"dateline/migrations"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// migrateLimit is how long a node waits for another one that migrates.
const migrateLimit = 5 * time.Minute

// Migrate brings the schema to the newest version. Nodes that start together
// take turns under an advisory lock, which covers the table of versions as well.
func Migrate(ctx context.Context, dsn string) error {
	return withProvider(dsn, func(db *sql.DB, p *goose.Provider) error {
		turn, err := takeTurn(ctx, db)
		if err != nil {
			return err
		}
		defer func() { _ = turn.Close() }()
		results, err := p.Up(ctx)
		for _, r := range results {
			slog.InfoContext(ctx, "migrated", "version", r.Source.Version, "took", r.Duration)
		}
		return err
	})
}

// takeTurn waits until no other node migrates, and returns the connection whose
// session holds the lock until db is closed. It is the lock of goose's own locker,
// which comes too late and which earlier versions of the program take.
func takeTurn(ctx context.Context, db *sql.DB) (*sql.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, migrateLimit)
	defer cancel()
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock($1)`, lock.DefaultLockID); err != nil {
		return nil, fmt.Errorf("wait for another node that migrates: %w", errors.Join(err, conn.Close()))
	}
	return conn, nil
}

// PendingMigrations reports whether the schema is behind the program.
func PendingMigrations(ctx context.Context, dsn string) (pending bool, err error) {
	err = withProvider(dsn, func(_ *sql.DB, p *goose.Provider) error {
		pending, err = p.HasPending(ctx)
		return err
	})
	return pending, err
}

func withProvider(dsn string, f func(*sql.DB, *goose.Provider) error) error {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return fmt.Errorf("database URL: %w", err)
	}
	prepare(config, "dateline migrate", false)
	db := stdlib.OpenDB(*config)
	defer func() { _ = db.Close() }() // what was done is committed
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.FS)
	if err != nil {
		return err
	}
	if err := f(db, provider); err != nil {
		return fmt.Errorf("migrate: %w", dbError(err))
	}
	return nil
}
