package postgres_test

import (
	"errors"
	"testing"

	"dateline/internal/liveblog"
	"dateline/internal/postgres"
	"dateline/internal/proof/pgtest"

	"github.com/google/uuid"
)

func TestIdentity_AnotherDatabaseChangesEpochs(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	for name, c := range map[string]struct {
		change      string
		synchronous bool
		keeps       bool
	}{
		"same":                   {`SELECT 1`, false, true},
		"another cluster":        {`UPDATE cluster_identity SET system_id = 'x'`, true, false},
		"a restored dump":        {`UPDATE cluster_identity SET events_oid = 1`, true, false},
		"promoted":               {`UPDATE cluster_identity SET timeline = 'x'`, false, false},
		"promoted synchronously": {`UPDATE cluster_identity SET timeline = 'x'`, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			db, err := postgres.Open(t.Context(), postgres.Config{DSN: dsn, Synchronous: c.synchronous})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if err := db.CheckIdentity(t.Context()); err != nil {
				t.Fatal(err)
			}
			blog := newBlog(t, db)
			if _, err := db.Pool().Exec(t.Context(), c.change); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := db.CheckIdentity(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			after, err := db.Blog(t.Context(), blog.Slug)
			if err != nil {
				t.Fatal(err)
			}
			if kept := after.Epoch == blog.Epoch; kept != c.keeps {
				t.Errorf("epoch kept: %t, want %t", kept, c.keeps)
			}
		})
	}
}

// TestIdentity_AnotherHistoryIsNotReadUnderTheOldEpoch replaces the table of
// events below a running node, as a restored dump does.
func TestIdentity_AnotherHistoryIsNotReadUnderTheOldEpoch(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	if err := db.CheckIdentity(t.Context()); err != nil {
		t.Fatal(err)
	}
	blog := newBlog(t, db)
	publish(t, db, newPost(blog, "one"))
	mustExec(t, db, `CREATE TABLE restored (LIKE events INCLUDING ALL)`)
	mustExec(t, db, `INSERT INTO restored SELECT * FROM events`)
	mustExec(t, db, `DROP TABLE events`)
	mustExec(t, db, `ALTER TABLE restored RENAME TO events`)
	reads := func() error {
		_, headErr := db.Heads(t.Context(), []uuid.UUID{blog.ID})
		_, eventErr := db.EventsAfter(t.Context(), blog.ID, 0, 10)
		return errors.Join(headErr, eventErr)
	}
	if err := reads(); !errors.Is(err, liveblog.ErrUnavailable) {
		t.Fatalf("another table of events is read: %v", err)
	}
	if err := db.CheckIdentity(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := reads(); err != nil {
		t.Fatal(err)
	}
	after, err := db.Blog(t.Context(), blog.Slug)
	if err != nil || after.Epoch == blog.Epoch {
		t.Errorf("the epoch stays %q: %v", blog.Epoch, err)
	}
}

// The listener notices by itself that the pools met another database, and adopts it.
func TestListener_AdoptsAnotherHistory(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	h := &recordingSink{watched: []uuid.UUID{blog.ID}, woken: make(chan int64, 100), heads: make(chan liveblog.Head, 100)}
	startListener(t, db, h)
	within(t, h.heads, "heads at the start")
	mustExec(t, db, `CREATE TABLE restored (LIKE events INCLUDING ALL)`)
	mustExec(t, db, `DROP TABLE events`)
	mustExec(t, db, `ALTER TABLE restored RENAME TO events`)
	if _, err := db.Heads(t.Context(), []uuid.UUID{blog.ID}); !errors.Is(err, liveblog.ErrUnavailable) {
		t.Fatalf("another table of events is read: %v", err)
	}
	if head := within(t, h.heads, "heads after the adoption"); head.Epoch == blog.Epoch {
		t.Errorf("the epoch stays %q", blog.Epoch)
	}
}

func TestIdentity_OlderIsAPromotedOverPrimary(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	db, err := postgres.Open(t.Context(), postgres.Config{DSN: dsn, Synchronous: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	postgres.PretendTimeline(t, db, "FFFFFFFF")
	if err := db.CheckIdentity(t.Context()); !errors.Is(err, liveblog.ErrUnavailable) {
		t.Errorf("an older primary is adopted: %v", err)
	}
	if err := db.Ping(t.Context()); !errors.Is(err, liveblog.ErrUnavailable) {
		t.Errorf("an older primary is used: %v", err)
	}
}
