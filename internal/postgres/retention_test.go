package postgres_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/postgres"
	"dateline/internal/proof/pgtest"

	"github.com/google/uuid"
)

const day = 24 * time.Hour

func count(t *testing.T, db *postgres.DB, sql string, args ...any) (n int) {
	t.Helper()
	if err := db.Pool().QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestForgetAudit_AddressesFirstThenRows(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	mustExec(t, db, `
		INSERT INTO audit (at, principal, action, object, address)
		SELECT now() - make_interval(days => d), 'user:x', 'test', d::text, '192.0.2.1' FROM unnest(ARRAY[800, 731, 729, 91, 89]) d`)
	if err := db.ForgetAudit(t.Context(), 0, 0); err != nil || count(t, db, `SELECT count(*) FROM audit WHERE address <> ''`) != 5 {
		t.Errorf("0 does not keep them: %v", err)
	}
	if err := db.ForgetAudit(t.Context(), 90*day, 730*day); err != nil {
		t.Fatal(err)
	}
	if rows, addresses := count(t, db, `SELECT count(*) FROM audit`), count(t, db, `SELECT count(*) FROM audit WHERE address <> ''`); rows != 3 || addresses != 1 {
		t.Errorf("%d rows and %d addresses are left, want 3 and 1", rows, addresses)
	}
}

func TestForgetTokens_LongAfterTheirEnd(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	mustExec(t, db, `
		INSERT INTO api_tokens (id, name, hash, scopes, expires_at, revoked_at) VALUES
			('old', '', '', '{}', now() - interval '91 days', NULL), ('revoked', '', '', '{}', now() + interval '1 day', now() - interval '91 days'),
			('over', '', '', '{}', now() - interval '89 days', NULL), ('good', '', '', '{}', now() + interval '1 day', NULL)`)
	mustExec(t, db, `INSERT INTO setup_tokens (hash, expires_at) VALUES ('a', now() - interval '31 days'), ('b', now() - interval '29 days')`)
	if err := db.ForgetTokens(t.Context()); err != nil {
		t.Fatal(err)
	}
	if tokens, links := count(t, db, `SELECT count(*) FROM api_tokens`), count(t, db, `SELECT count(*) FROM setup_tokens`); tokens != 2 || links != 1 {
		t.Errorf("%d tokens and %d setup links are left, want 2 and 1", tokens, links)
	}
}

// What an editor removed long ago is gone with all its versions, and can't be
// restored; what was removed a moment ago, or not at all, stays.
func TestErasePosts_RemovedLongAgo(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	old, fresh, kept := publish(t, db, newPost(blog, "old")), publish(t, db, newPost(blog, "fresh")), publish(t, db, newPost(blog, "kept"))
	for _, w := range []liveblog.Written{old, fresh} {
		if _, err := db.RemovePost(t.Context(), nobody, ref(w), anyone); err != nil {
			t.Fatal(err)
		}
	}
	mustExec(t, db, `UPDATE posts SET updated_at = now() - interval '8 days' WHERE id <> $1`, fresh.Post.ID)
	for round, want := range []int{1, 0} {
		if n, err := db.ErasePosts(t.Context(), nobody, 7*day); err != nil || n != want {
			t.Errorf("round %d: %d posts are erased, %v", round, n, err)
		}
	}
	const text = `SELECT (SELECT count(*) FROM revisions WHERE post_id = p.id) + length(title || body || html || text || byline) FROM posts p WHERE id = $1`
	for _, w := range []liveblog.Written{fresh, kept} {
		if count(t, db, text, w.Post.ID) == 0 {
			t.Errorf("%s is erased", w.Post.Title)
		}
	}
	if n := count(t, db, text, old.Post.ID); n != 0 || audits(t, db, "post.erase") != 1 {
		t.Errorf("%d bytes and versions are left, %d audit rows", n, audits(t, db, "post.erase"))
	}
	gone := ref(old)
	gone.Version = 0
	if _, err := db.RestorePost(t.Context(), nobody, gone, anyone); !errors.Is(err, liveblog.ErrGone) {
		t.Errorf("restore: %v", err)
	}
}

// search looks for unused pictures, a day after the last time.
func search(t *testing.T, db *postgres.DB) []string {
	t.Helper()
	mustExec(t, db, `UPDATE upkeep SET media_at = media_at - interval '1 day'`)
	mustExec(t, db, `UPDATE media SET unused_since = unused_since - interval '1 day'`)
	free, err := db.DeleteUnusedMedia(t.Context(), nobody, 30*day)
	if err != nil {
		t.Fatal(err)
	}
	return free
}

// Pictures that a post, a version of one or a blog names stay, by whatever spelling.
// One that nothing names goes after its time, with its bytes unless another has the
// same; one that is used again meanwhile stays.
func TestDeleteUnusedMedia_UnusedForLong(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	pictures := map[string]uuid.UUID{}
	for _, name := range []string{"unused", "in a post", "in a version", "by URL", "in a blog", "used again", "twin", "twin in use"} {
		m, blobs := newPicture(name[:4])
		if _, _, err := db.CreateMedia(t.Context(), nobody, liveblog.IdempotencyKey{}, m, blobs); err != nil {
			t.Fatal(err)
		}
		pictures[name] = m.ID
	}
	show := func(name, how string) liveblog.Written {
		p := newPost(blog, name)
		p.Body = "![](" + how + pictures[name].String() + ")"
		return publish(t, db, p)
	}
	show("in a post", "media:")
	show("twin in use", "media:")
	show("by URL", "https://live.example.org/media/")
	w := show("in a version", "media:")
	edited := "nothing"
	if _, err := db.EditPost(t.Context(), nobody, ref(w), liveblog.PostPatch{Content: &liveblog.Content{Body: edited}}, anyone); err != nil {
		t.Fatal(err)
	}
	mustExec(t, db, `UPDATE blogs SET summary = $1`, "![](media:"+pictures["in a blog"].String()+")")
	for range 29 {
		if free := search(t, db); len(free) != 0 {
			t.Fatalf("%v goes too early", free)
		}
	}
	show("used again", "media:")
	if free := search(t, db); len(free) != 0 {
		t.Fatalf("%v goes too early", free)
	}
	free := search(t, db)
	if !slices.Equal(free, []string{"key of unus"}) {
		t.Errorf("free are %v", free)
	}
	left, err := db.Media(t.Context(), slices.Collect(func(yield func(uuid.UUID) bool) {
		for _, id := range pictures {
			yield(id)
		}
	}))
	if err != nil || len(left) != 6 || left[pictures["unused"]] != nil || left[pictures["twin"]] != nil {
		t.Errorf("%d pictures are left, %v", len(left), err)
	}
	if _, err := db.Blob(context.Background(), "key of unus"); !errors.Is(err, liveblog.ErrNotFound) {
		t.Errorf("the bytes are still there: %v", err)
	}
	if _, err := db.Blob(context.Background(), "key of twin"); err != nil {
		t.Errorf("the bytes of a picture that is shown: %v", err)
	}
	if again, err := db.DeleteUnusedMedia(t.Context(), nobody, 0); err != nil || len(again) != 0 || audits(t, db, "media.delete") != 2 {
		t.Errorf("a second look on one day: %v, %v", again, err)
	}
}
