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

// migrateLimit is how long a node waits while another one migrates.
const migrateLimit = 5 * time.Minute

// Migrate brings the schema to the newest version. An advisory lock, which covers the
// table of versions too, makes nodes that start together migrate one after the other.
func Migrate(ctx context.Context, dsn string) error {
	return withProvider(dsn, func(db *sql.DB, p *goose.Provider) error {
		locked, err := lockMigrations(ctx, db)
		if err != nil {
			return err
		}
		defer func() { _ = locked.Close() }()
		results, err := p.Up(ctx)
		for _, r := range results {
			slog.InfoContext(ctx, "migrated", "version", r.Source.Version, "took", r.Duration)
		}
		return err
	})
}

// lockMigrations waits until no other node migrates. It returns a connection whose session
// holds the lock until db is closed. The lock has the id of goose's own locker: earlier
// versions of the program take that one, but goose takes it only after it has created
// the table of versions.
func lockMigrations(ctx context.Context, db *sql.DB) (*sql.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, migrateLimit)
	defer cancel()
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock($1)`, lock.DefaultLockID); err != nil {
		return nil, fmt.Errorf("wait while another node migrates: %w", errors.Join(err, conn.Close()))
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
	defer func() { _ = db.Close() }() // all changes are committed by then
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.FS)
	if err != nil {
		return err
	}
	if err := f(db, provider); err != nil {
		return fmt.Errorf("migrate: %w", dbError(err))
	}
	return nil
}
