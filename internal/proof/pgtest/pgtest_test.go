package pgtest_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"dateline/internal/postgres"
	"dateline/internal/proof/pgtest"
)

func TestNew_DatabasesAreSeparate(t *testing.T) {
	t.Parallel()
	a, b := pgtest.New(t), pgtest.New(t)
	if _, err := a.Pool().Exec(t.Context(), `CREATE TABLE only_in_a ()`); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Pool().Exec(t.Context(), `CREATE TABLE only_in_a ()`); err != nil {
		t.Fatal(err)
	}
}

func TestDSN_HasCurrentSchema(t *testing.T) {
	t.Parallel()
	pending, err := postgres.PendingMigrations(t.Context(), pgtest.DSN(t))
	if err != nil || pending {
		t.Fatalf("pending %v, error %v", pending, err)
	}
}

func TestCluster_KeepsCommittedRowsOverKill(t *testing.T) {
	t.Parallel()
	s := pgtest.Cluster(t)
	query(t, s.DSN(), `CREATE TABLE kept AS SELECT 7 AS n`)
	s.Kill()
	if _, err := pgx.Connect(t.Context(), s.DSN()); err == nil {
		t.Fatal("the killed server answers")
	}
	s.Start()
	query(t, s.DSN(), `SELECT n FROM kept`)
}

func query(t *testing.T, dsn, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}
