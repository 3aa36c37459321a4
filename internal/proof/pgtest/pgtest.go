// Package pgtest gives every test its own PostgreSQL database with the current
// schema, copied from a template in a few milliseconds. It is used by tests only.
//
// The databases are in the cluster of DATELINE_TEST_DATABASE_URL, which `make
// test` sets for all test binaries of a run. Without it, each test binary runs a
// private cluster from internal/localpg, whose goroutine lives as long as the
// binary: goleak must ignore localpg.(*Cluster).keep there.
package pgtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"dateline/internal/postgres"
)

// Variable names the environment variable with the connection string of the
// cluster for tests. Its user must be allowed to create databases.
const Variable = "DATELINE_TEST_DATABASE_URL"

const limit = 2 * time.Minute // for what should take milliseconds, on a busy machine

// cluster is the connection string of the cluster that this process uses.
var cluster = sync.OnceValues(func() (string, error) {
	if dsn := os.Getenv(Variable); dsn != "" {
		return dsn, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	c, err := StartShared(ctx)
	if err != nil {
		return "", err
	}
	return c.DSN("postgres"), nil
})

// New opens a fresh database with the current schema. It is closed and dropped
// when the test has ended.
func New(t testing.TB) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Config{DSN: DSN(t), MaxConns: 8})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// DSN makes a fresh database with the current schema and returns its connection
// string, for a program that the test starts. It is dropped when the test has ended.
func DSN(t testing.TB) string {
	t.Helper()
	return create(t, func(ctx context.Context, admin string) (string, error) {
		return "TEMPLATE " + templateName(), template(ctx, admin)
	})
}

// EncodedDSN is DSN for an empty database of another encoding than UTF-8.
func EncodedDSN(t testing.TB, encoding string) string {
	t.Helper()
	return create(t, func(context.Context, string) (string, error) {
		return "TEMPLATE template0 LOCALE 'C' ENCODING '" + encoding + "'", nil
	})
}

// create makes a database of what options name.
func create(t testing.TB, options func(ctx context.Context, admin string) (string, error)) string {
	t.Helper()
	admin, err := cluster()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	like, err := options(ctx, admin)
	if err != nil {
		t.Fatal(err)
	}
	name := "dateline_test_" + strings.ToLower(rand.Text()[:16])
	if err := exec(ctx, admin, "CREATE DATABASE "+name+" "+like); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { drop(t, admin, name) })
	return withDatabase(admin, name)
}

func drop(t testing.TB, admin, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := exec(ctx, admin, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
		t.Errorf("drop the database of the test: %v", err)
	}
}

// exec uses a connection of its own: a pool would leave goroutines to every test.
func exec(ctx context.Context, dsn, sql string) error {
	return connected(ctx, dsn, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, sql)
		if err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
		return nil
	})
}

func connected(ctx context.Context, dsn string, f func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return f(conn)
}

// withDatabase replaces the database in a connection URL.
func withDatabase(dsn, name string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		panic(Variable + " is not a URL like postgres://user:password@host/postgres")
	}
	u.Path = "/" + name
	return u.String()
}
