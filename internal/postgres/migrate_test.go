package postgres_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"dateline/internal/postgres"
	"dateline/internal/proof/pgtest"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3/lock"
)

// emptyDatabase has no schema at all.
func emptyDatabase(t *testing.T) (dsn string, conn *pgx.Conn) {
	t.Helper()
	dsn = pgtest.DSN(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	if _, err := conn.Exec(t.Context(), `DROP SCHEMA public CASCADE; CREATE SCHEMA public`); err != nil {
		t.Fatal(err)
	}
	return dsn, conn
}

// A node touches nothing, not even the table of versions, while another migrates.
func TestMigrate_WaitsForItsTurn(t *testing.T) {
	t.Parallel()
	dsn, other := emptyDatabase(t)
	if _, err := other.Exec(t.Context(), `SELECT pg_advisory_lock($1)`, lock.DefaultLockID); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- postgres.Migrate(t.Context(), dsn) }()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for waits := false; !waits; <-tick.C {
		var tables int
		if err := other.QueryRow(t.Context(), `
			SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
					AND database = (SELECT oid FROM pg_database WHERE datname = current_database())),
				(SELECT count(*) FROM pg_tables WHERE schemaname = 'public')`).Scan(&waits, &tables); err != nil {
			t.Fatal(err)
		}
		if tables > 0 {
			t.Fatal("it made a table out of turn")
		}
		if len(done) > 0 {
			t.Fatalf("it did not wait: %v", <-done)
		}
	}
	if _, err := other.Exec(t.Context(), `SELECT pg_advisory_unlock($1)`, lock.DefaultLockID); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestMigrate_ManyAtOnce(t *testing.T) {
	t.Parallel()
	dsn, _ := emptyDatabase(t)
	var nodes sync.WaitGroup
	for range 8 {
		nodes.Go(func() {
			if err := postgres.Migrate(t.Context(), dsn); err != nil {
				t.Error(err)
			}
		})
	}
	nodes.Wait()
	if pending, err := postgres.PendingMigrations(t.Context(), dsn); pending || err != nil {
		t.Errorf("pending: %v, %v", pending, err)
	}
}
