package postgres_test

import (
	"fmt"
	"net/url"
	"testing"

	"dateline/internal/liveblog"
	"dateline/internal/postgres"
	"dateline/internal/proof/pgtest"

	"github.com/jackc/pgx/v5"
)

// connectAs opens a store by a connection string and sees that it works.
func connectAs(t *testing.T, dsn string) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Config{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	if _, err := db.Blogs(t.Context(), liveblog.BlogQuery{Limit: 1}); err != nil {
		t.Fatal(err)
	}
	return db
}

// A database that lets this node in no more is away, for reads and for changes.
func TestUnavailable_DatabaseThatRejectsTheNode(t *testing.T) {
	t.Parallel()
	server := pgtest.Cluster(t)
	admin, err := pgx.Connect(t.Context(), server.DSN())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close(t.Context()) })
	run := func(format string, args ...any) {
		t.Helper()
		if _, err := admin.Exec(t.Context(), fmt.Sprintf(format, args...)); err != nil {
			t.Fatal(err)
		}
	}
	run(`CREATE ROLE node LOGIN PASSWORD 'right' IN ROLE pg_read_all_data, pg_write_all_data`)
	as := func(password string) string {
		u, err := url.Parse(server.DSN())
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.UserPassword("node", password)
		return u.String()
	}
	for name, reject := range map[string]func(){
		"another password": func() { run(`ALTER ROLE node PASSWORD 'changed'`) },
		"no sign-in":       func() { run(`ALTER ROLE node NOLOGIN`) },
		"no rights":        func() { run(`REVOKE pg_read_all_data, pg_write_all_data FROM node`) },
	} {
		run(`ALTER ROLE node LOGIN PASSWORD 'right'`)
		run(`GRANT pg_read_all_data, pg_write_all_data TO node`)
		db := connectAs(t, as("right"))
		reject()
		run(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'node'`)
		_, err := db.Blog(t.Context(), "cup-final")
		wantKind(t, name+": a read", err, liveblog.ErrUnavailable)
		_, _, err = db.CreateBlog(t.Context(), system, liveblog.IdempotencyKey{}, liveblog.Blog{Slug: "cup-final", Title: "x", Status: liveblog.BlogLive})
		wantKind(t, name+": a change", err, liveblog.ErrUnavailable)
	}
}
