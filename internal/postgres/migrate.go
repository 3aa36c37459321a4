package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"

	"dateline/migrations"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Migrate brings the schema to the newest version. Nodes that start together
// take turns under an advisory lock.
func Migrate(ctx context.Context, dsn string) error {
	return withProvider(dsn, func(p *goose.Provider) error {
		results, err := p.Up(ctx)
		for _, r := range results {
			slog.InfoContext(ctx, "migrated", "version", r.Source.Version, "took", r.Duration)
		}
		return err
	})
}

// PendingMigrations reports whether the schema is behind the program.
func PendingMigrations(ctx context.Context, dsn string) (pending bool, err error) {
	err = withProvider(dsn, func(p *goose.Provider) error {
		pending, err = p.HasPending(ctx)
		return err
	})
	return pending, err
}

func withProvider(dsn string, f func(*goose.Provider) error) error {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return fmt.Errorf("database URL: %w", err)
	}
	prepare(config, "dateline migrate")
	db := stdlib.OpenDB(*config)
	defer func() { _ = db.Close() }() // what was done is committed
	provider, err := newProvider(db)
	if err != nil {
		return err
	}
	if err := f(provider); err != nil {
		return fmt.Errorf("migrate: %w", dbError(err))
	}
	return nil
}

func newProvider(db *sql.DB) (*goose.Provider, error) {
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, db, migrations.FS, goose.WithSessionLocker(locker))
}
