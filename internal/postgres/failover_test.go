package postgres_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/postgres"
	"dateline/internal/proof/pgtest"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// awaitStandby makes a server wait for a standby of this name before a commit
// counts; there is none. The empty name ends that.
func awaitStandby(t *testing.T, dsn, name string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, sql := range []string{`SET synchronous_commit = local`, `ALTER SYSTEM SET synchronous_standby_names = '` + name + `'`, `SELECT pg_reload_conf()`} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for commitsWait(t, dsn) != (name != "") {
	}
}

// commitsWait tries what the server does by now: it takes a new setting when its
// checkpointer comes round to it.
func commitsWait(t *testing.T, dsn string) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	_, err = conn.Exec(ctx, `SELECT pg_logical_emit_message(true, 'test', '')`)
	return err != nil
}

// TestReplication_SendsNothingThatAFailoverCanLose publishes while the
// synchronous standby is away. The post is on the primary then, visible to any
// query, and must not exist for anybody until the standby has it.
func TestReplication_SendsNothingThatAFailoverCanLose(t *testing.T) {
	t.Parallel()
	server := pgtest.Cluster(t)
	db := openSynchronous(t, server.DSN())
	blog := newBlog(t, db)
	first := publish(t, db, newPost(blog, "first"))
	key := liveblog.IdempotencyKey{Key: "0123456789abcdef"}
	create := func() (liveblog.Written, error) {
		return db.CreatePost(t.Context(), nobody, key, newPost(blog, "second"), anyone)
	}
	awaitStandby(t, server.DSN(), "ghost")
	if _, err := create(); !errors.Is(err, liveblog.ErrUnknownOutcome) {
		t.Fatalf("publishing without the standby: %v", err)
	}
	awaitVisible(t, server.DSN(), 2)
	var all sync.WaitGroup
	for name, read := range readings(t, db, blog, first) {
		all.Go(func() {
			if err := read(); !errors.Is(err, liveblog.ErrUnavailable) {
				t.Errorf("%s, unconfirmed: %v", name, err)
			}
		})
	}
	all.Wait()
	if w, err := create(); !errors.Is(err, liveblog.ErrUnknownOutcome) {
		t.Errorf("the same key, unconfirmed, is answered: %+v, %v", w, err)
	}
	awaitStandby(t, server.DSN(), "")
	for name, read := range readings(t, db, blog, first) {
		if err := read(); err != nil {
			t.Errorf("%s, confirmed: %v", name, err)
		}
	}
	w, err := create()
	if err != nil || !w.Replayed || w.Seq != first.Seq+1 {
		t.Errorf("the same key, confirmed: %+v, %v", w, err)
	}
	expectLog(t, db, blog, "post v1", "post v1")
}

// awaitVisible returns when any query sees the event: PostgreSQL gives up the wait
// for the standby some time after the publisher did.
func awaitVisible(t *testing.T, dsn string, seq int64) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for head := int64(0); head != seq; {
		if err := conn.QueryRow(t.Context(), `SELECT max(seq) FROM events`).Scan(&head); err != nil {
			t.Fatal(err)
		}
	}
}

func openSynchronous(t *testing.T, dsn string) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Config{DSN: dsn, Synchronous: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	if err := db.CheckIdentity(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

// readings are the ways to see what a blog holds, and the refusals that tell of it.
func readings(t *testing.T, db *postgres.DB, blog *liveblog.Blog, w liveblog.Written) map[string]func() error {
	return map[string]func() error{
		"heads": func() error { _, err := db.Heads(t.Context(), []uuid.UUID{blog.ID}); return err },
		"events": func() error {
			_, err := db.EventsAfter(t.Context(), blog.ID, 0, 1)
			return err
		},
		"page": func() error {
			_, err := db.Page(t.Context(), blog.Slug, liveblog.PageQuery{Limit: 10})
			return err
		},
		"posts": func() error {
			_, err := db.Posts(t.Context(), liveblog.PostQuery{BlogID: blog.ID, Status: liveblog.PostPublished, Limit: 10})
			return err
		},
		"post":      func() error { _, err := db.Post(t.Context(), blog.ID, w.Post.ID); return err },
		"permalink": func() error { _, _, err := db.BlogPost(t.Context(), blog.Slug, w.Post.ID); return err },
		"refusal": func() error {
			_, err := db.EditPost(t.Context(), nobody, liveblog.PostRef{BlogID: blog.ID, ID: w.Post.ID, Version: 99}, liveblog.PostPatch{}, anyone)
			if errors.Is(err, liveblog.ErrVersion) {
				err = nil
			}
			return err
		},
	}
}

// What this node knows to be confirmed is sent while the standby is away.
func TestReplication_SendsConfirmedEventsWithoutTheStandby(t *testing.T) {
	t.Parallel()
	server := pgtest.Cluster(t)
	db := openSynchronous(t, server.DSN())
	blog := newBlog(t, db)
	w := publish(t, db, newPost(blog, "first"))
	awaitStandby(t, server.DSN(), "ghost")
	for name, read := range readings(t, db, blog, w) {
		if name == "refusal" { // it has no number to know by
			continue
		}
		if err := read(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A "promotion" that lost what the standby had confirmed is an older backup.
func TestReplication_LossIsNoPromotion(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	db := openSynchronous(t, dsn)
	blog := newBlog(t, db)
	publish(t, db, newPost(blog, "kept"))
	publish(t, db, newPost(blog, "lost"))
	mustExec(t, db, `DELETE FROM events WHERE seq = 2`)
	mustExec(t, db, `UPDATE blogs SET last_seq = 1`)
	mustExec(t, db, `UPDATE cluster_identity SET timeline = 'x'`)
	if err := db.CheckIdentity(t.Context()); err != nil {
		t.Fatal(err)
	}
	after, err := db.Blog(t.Context(), blog.Slug)
	if err != nil {
		t.Fatal(err)
	}
	if after.Epoch == blog.Epoch {
		t.Error("readers keep the epoch of events that are gone")
	}
}
