package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"dateline/internal/liveblog"
	"dateline/internal/postgres"
	"dateline/internal/proof/pgtest"

	"github.com/jackc/pgx/v5"
)

// odd opens a database whose defaults are not those that our statements rely on.
func odd(t *testing.T, synchronousCommit string) (dsn string) {
	t.Helper()
	dsn = pgtest.DSN(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for name, value := range map[string]string{
		"default_transaction_isolation": "repeatable read", "timezone": "Asia/Kathmandu", "datestyle": "SQL, DMY",
		"client_encoding": "LATIN1", "statement_timeout": "1", "lock_timeout": "1", "synchronous_commit": synchronousCommit,
	} {
		if _, err := conn.Exec(t.Context(), fmt.Sprintf(`ALTER DATABASE %s SET %s = '%s'`, conn.Config().Database, name, value)); err != nil {
			t.Fatal(err)
		}
	}
	return dsn
}

func show(t *testing.T, db *postgres.DB, name string) (value string) {
	t.Helper()
	if err := db.Pool().QueryRow(t.Context(), `SELECT current_setting($1)`, name).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestSession_SetsWhatItReliesOn(t *testing.T) {
	t.Parallel()
	db, err := postgres.Open(t.Context(), postgres.Config{DSN: odd(t, "off")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	for name, want := range map[string]string{
		"default_transaction_isolation": "read committed", "TimeZone": "UTC", "DateStyle": "ISO, YMD", "client_encoding": "UTF8",
		"statement_timeout": "5s", "lock_timeout": "3s", "synchronous_commit": "on",
	} {
		if got := show(t, db, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// Publishers at once take turns, whatever isolation the database gives others.
func TestSession_RepeatableReadByDefault(t *testing.T) {
	t.Parallel()
	dsn := odd(t, "on")
	db, err := postgres.Open(t.Context(), postgres.Config{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	if err := postgres.Migrate(t.Context(), dsn); err != nil {
		t.Error(err)
	}
	blog := newBlog(t, db)
	errs := together(16, func(i int) error {
		_, err := db.CreatePost(context.Background(), nobody, liveblog.IdempotencyKey{}, newPost(blog, fmt.Sprint(i)), anyone)
		return err
	})
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
}

// A stricter setting is the operator's; with a standby that has to confirm, a
// weaker one that is good alone is not good enough.
func TestSession_KeepsCommitsThatLast(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		is, want    string
		synchronous bool
	}{
		{"off", "on", false}, {"local", "local", false}, {"remote_apply", "remote_apply", false},
		{"off", "on", true}, {"local", "on", true}, {"remote_write", "on", true}, {"remote_apply", "remote_apply", true},
	} {
		db, err := postgres.Open(t.Context(), postgres.Config{DSN: odd(t, c.is), Synchronous: c.synchronous})
		if err != nil {
			t.Fatal(err)
		}
		if got := show(t, db, "synchronous_commit"); got != c.want {
			t.Errorf("%+v: it is %s", c, got)
		}
		db.Close()
	}
}

func TestCheckServer_RefusesOtherEncodings(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(t.Context(), pgtest.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := postgres.CheckServer(t.Context(), conn); err != nil {
		t.Errorf("UTF-8: %v", err)
	}
	for _, encoding := range []string{"LATIN1", "SQL_ASCII"} {
		other, err := pgx.Connect(t.Context(), pgtest.EncodedDSN(t, encoding))
		if err != nil {
			t.Fatal(err)
		}
		if err := postgres.CheckServer(t.Context(), other); err == nil || !strings.Contains(err.Error(), "--encoding=UTF8") {
			t.Errorf("%s: %v", encoding, err)
		}
		other.Close(context.Background())
	}
}
