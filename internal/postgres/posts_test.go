package postgres_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"dateline/internal/liveblog"
	"dateline/internal/postgres"
	"dateline/internal/proof/pgtest"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

var nobody = liveblog.Actor{}

func anyone(_, _ liveblog.PostStatus, _ *uuid.UUID) error { return nil }

func newBlog(t testing.TB, db *postgres.DB) *liveblog.Blog {
	t.Helper()
	blog, _, err := db.CreateBlog(t.Context(), nobody, liveblog.IdempotencyKey{},
		liveblog.Blog{Slug: "blog-" + uuid.NewString()[:8], Title: "Blog", Status: liveblog.BlogLive, Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	return blog
}

func newPost(blog *liveblog.Blog, title string) liveblog.Post {
	return liveblog.Post{BlogID: blog.ID, Status: liveblog.PostPublished, Title: title, Body: title, HTML: "<p>" + title + "</p>", Text: title, Tags: []string{}}
}

func publish(t testing.TB, db *postgres.DB, p liveblog.Post) liveblog.Written {
	t.Helper()
	w, err := db.CreatePost(t.Context(), nobody, liveblog.IdempotencyKey{}, p, anyone)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func ref(w liveblog.Written) liveblog.PostRef {
	return liveblog.PostRef{BlogID: w.Post.BlogID, ID: w.Post.ID, Version: w.Post.Version}
}

// logOf gives the log of a blog as text, after checking that it has no gap.
func logOf(t testing.TB, db *postgres.DB, blog *liveblog.Blog) []string {
	t.Helper()
	events, err := db.EventsAfter(t.Context(), blog.ID, 0, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for i, ev := range events {
		if ev.Seq != int64(i)+1 {
			t.Fatalf("event %d has seq %d", i+1, ev.Seq)
		}
		out = append(out, fmt.Sprintf("%s v%d", ev.Type, ev.Version))
	}
	return out
}

func expectLog(t testing.TB, db *postgres.DB, blog *liveblog.Blog, want ...string) {
	t.Helper()
	if got := logOf(t, db, blog); strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("log is %v, want %v", got, want)
	}
}

func TestCreatePost_ConcurrentPublishersLeaveNoGap(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	const publishers, each = 8, 25
	var all sync.WaitGroup
	stop := make(chan struct{})
	watched := make(chan error, 1)
	go func() { watched <- watchLog(t, db, blog, stop) }()
	for range publishers {
		all.Go(func() {
			for i := range each {
				if _, err := db.CreatePost(t.Context(), nobody, liveblog.IdempotencyKey{}, newPost(blog, fmt.Sprint(i)), anyone); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	close(stop)
	if err := <-watched; err != nil {
		t.Error(err)
	}
	if n := len(logOf(t, db, blog)); n != publishers*each {
		t.Errorf("%d events, want %d", n, publishers*each)
	}
}

// watchLog follows the log as a node does: at no moment may a number be missing.
func watchLog(t *testing.T, db *postgres.DB, blog *liveblog.Blog, stop <-chan struct{}) error {
	last := int64(0)
	for {
		events, err := db.EventsAfter(t.Context(), blog.ID, last, 1000)
		if err != nil {
			return err
		}
		for _, ev := range events {
			if ev.Seq != last+1 {
				return fmt.Errorf("saw %d after %d", ev.Seq, last)
			}
			last = ev.Seq
		}
		select {
		case <-stop:
			return nil
		default:
		}
	}
}

func TestPost_LifeInTheLog(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	first := publish(t, db, newPost(blog, "one"))
	second := publish(t, db, newPost(blog, "two"))
	title := "one, corrected"
	edited, err := db.EditPost(t.Context(), nobody, ref(first), liveblog.PostPatch{Title: &title}, anyone)
	if err != nil {
		t.Fatal(err)
	}
	if edited.Post.Version != 2 || edited.Post.Position != 1 || edited.Post.EditedAt == nil {
		t.Errorf("after the edit: %+v", edited.Post)
	}
	if _, err := db.Pin(t.Context(), nobody, blog.ID, &second.Post.ID); err != nil {
		t.Fatal(err)
	}
	removed, err := db.RemovePost(t.Context(), nobody, ref(second), anyone)
	if err != nil {
		t.Fatal(err)
	}
	restored, err := db.RestorePost(t.Context(), nobody, ref(removed), anyone)
	if err != nil {
		t.Fatal(err)
	}
	if restored.Post.Position != second.Post.Position || restored.Post.Pinned {
		t.Errorf("after restoring: %+v", restored.Post)
	}
	expectLog(t, db, blog, "post v1", "post v1", "update v2", "blog v2", "delete v2", "blog v3", "post v3")
	revisions, err := db.Revisions(t.Context(), blog.ID, first.Post.ID, 10)
	if err != nil || len(revisions) != 2 || revisions[1].Title != "one" {
		t.Errorf("revisions: %+v, %v", revisions, err)
	}
}

func TestPost_DraftsAreNotInTheLog(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	draft := newPost(blog, "draft")
	draft.Status = liveblog.PostDraft
	w := publish(t, db, draft)
	body := "second draft"
	w, err := db.EditPost(t.Context(), nobody, ref(w), liveblog.PostPatch{Content: &liveblog.Content{Body: body, HTML: body, Text: body}}, anyone)
	if err != nil {
		t.Fatal(err)
	}
	expectLog(t, db, blog)
	published := liveblog.PostPublished
	if w, err = db.EditPost(t.Context(), nobody, ref(w), liveblog.PostPatch{Status: &published}, anyone); err != nil {
		t.Fatal(err)
	}
	if w.Post.Position != 1 || w.Post.PublishedAt == nil || w.Post.EditedAt != nil {
		t.Errorf("published: %+v", w.Post)
	}
	expectLog(t, db, blog, "post v3")
}

func TestEditPost_Refusals(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog, other := newBlog(t, db), newBlog(t, db)
	w := publish(t, db, newPost(blog, "one"))
	title, draft := "x", liveblog.PostDraft
	for name, c := range map[string]struct {
		ref   liveblog.PostRef
		patch liveblog.PostPatch
		want  error
	}{
		"stale version":   {liveblog.PostRef{BlogID: blog.ID, ID: w.Post.ID, Version: 7}, liveblog.PostPatch{Title: &title}, liveblog.ErrVersion},
		"another blog":    {liveblog.PostRef{BlogID: other.ID, ID: w.Post.ID}, liveblog.PostPatch{Title: &title}, liveblog.ErrNotFound},
		"no such post":    {liveblog.PostRef{BlogID: blog.ID, ID: uuid.New()}, liveblog.PostPatch{Title: &title}, liveblog.ErrNotFound},
		"back to a draft": {ref(w), liveblog.PostPatch{Status: &draft}, liveblog.ErrConflict},
	} {
		if _, err := db.EditPost(t.Context(), nobody, c.ref, c.patch, anyone); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	_, err := db.EditPost(t.Context(), nobody, liveblog.PostRef{BlogID: blog.ID, ID: w.Post.ID, Version: 9}, liveblog.PostPatch{Title: &title}, anyone)
	stale, ok := errors.AsType[*liveblog.StaleError](err)
	if !ok || stale.Current.(*liveblog.Post).Title != "one" {
		t.Errorf("a stale edit was not shown what is current: %v", err)
	}
	expectLog(t, db, blog, "post v1")
}

func TestEditPost_NothingNewIsNoEvent(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	w := publish(t, db, newPost(blog, "one"))
	title := "one"
	again, err := db.EditPost(t.Context(), nobody, ref(w), liveblog.PostPatch{Title: &title}, anyone)
	if err != nil || again.Changed || again.Post.Version != 1 {
		t.Errorf("%+v, %v", again, err)
	}
	expectLog(t, db, blog, "post v1")
}

func TestCreatePost_IdempotencyKey(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	key := liveblog.IdempotencyKey{Key: "key-0123456789abcdef", Hash: sha256.Sum256([]byte("a"))}
	var mu sync.Mutex
	ids, created := map[uuid.UUID]bool{}, 0
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			w, err := db.CreatePost(t.Context(), nobody, key, newPost(blog, "once"), anyone)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			ids[w.Post.ID] = true
			if !w.Replayed {
				created++
			}
		})
	}
	all.Wait()
	if len(ids) != 1 || created != 1 {
		t.Errorf("10 requests with one key made %d posts, %d of them first", len(ids), created)
	}
	expectLog(t, db, blog, "post v1")
	key.Hash = sha256.Sum256([]byte("b"))
	if _, err := db.CreatePost(t.Context(), nobody, key, newPost(blog, "other"), anyone); !errors.Is(err, liveblog.ErrIdempotencyUsed) {
		t.Errorf("the key for another request: %v", err)
	}
	someone := liveblog.Actor{Principal: &liveblog.Principal{TokenID: "other"}}
	if w, err := db.CreatePost(t.Context(), someone, key, newPost(blog, "other"), anyone); err != nil || w.Replayed {
		t.Errorf("the key of somebody else: %+v, %v", w, err)
	}
}

func TestCreatePost_ExternalID(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	item := func(title string) liveblog.Post {
		p := newPost(blog, title)
		p.ExternalID = "wire:1"
		return p
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := db.CreatePost(t.Context(), nobody, liveblog.IdempotencyKey{}, item("goal"), anyone); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	expectLog(t, db, blog, "post v1")
	w := publish(t, db, item("own goal"))
	if w.Created || !w.Changed || w.Post.Title != "own goal" {
		t.Errorf("%+v", w)
	}
	expectLog(t, db, blog, "post v1", "update v2")
	if _, err := db.RemovePost(t.Context(), nobody, ref(w), anyone); err != nil {
		t.Fatal(err)
	}
	if _, err := db.CreatePost(t.Context(), nobody, liveblog.IdempotencyKey{}, item("goal again"), anyone); !errors.Is(err, liveblog.ErrConflict) {
		t.Errorf("a feed brought back what an editor removed: %v", err)
	}
}

func TestEvents_TellCurrentContent(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	w := publish(t, db, newPost(blog, "wrong"))
	title := "right"
	if _, err := db.EditPost(t.Context(), nobody, ref(w), liveblog.PostPatch{Title: &title}, anyone); err != nil {
		t.Fatal(err)
	}
	events, err := db.EventsAfter(t.Context(), blog.ID, 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, ev := range events {
		if ev.Post.Title != "right" || ev.Slug != blog.Slug {
			t.Errorf("event %d tells %q of %q", ev.Seq, ev.Post.Title, ev.Slug)
		}
	}
}

func TestReaders_OfNodesThatAreGoneAreForgotten(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	gone, here := uuid.New(), uuid.New()
	for _, node := range []uuid.UUID{gone, here} {
		addViews(t, db, node, nil, map[uuid.UUID]int64{blog.ID: 5})
	}
	mustExec(t, db, `UPDATE node_readers SET at = at - interval '2 hours'`)
	mustExec(t, db, `UPDATE nodes SET at = at - interval '2 hours' WHERE id = $1`, gone)
	if err := db.ForgetReaders(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left uuid.UUID
	if err := db.Pool().QueryRow(t.Context(), `SELECT node_id FROM node_readers`).Scan(&left); err != nil || left != here {
		t.Errorf("%s is left, want %s: %v", left, here, err)
	}
}

func TestAudit_EveryChangeHasARow(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	w := publish(t, db, newPost(blog, "one"))
	if _, err := db.RemovePost(t.Context(), nobody, ref(w), anyone); err != nil {
		t.Fatal(err)
	}
	rows, err := db.Pool().Query(t.Context(), `SELECT action FROM audit ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	actions, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || strings.Join(actions, " ") != "blog.create post.create post.remove" {
		t.Errorf("audit has %v, %v", actions, err)
	}
}

// Drafts that were changed in one transaction, or one microsecond, have equal
// times: a list that is read in pages has each of them once.
func TestPosts_EqualTimesAreNotSkipped(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	for i := range 7 {
		p := newPost(blog, fmt.Sprint(i))
		p.Status = liveblog.PostDraft
		publish(t, db, p)
	}
	mustExec(t, db, `UPDATE posts SET updated_at = now()`)
	seen := map[uuid.UUID]bool{}
	q := liveblog.PostQuery{BlogID: blog.ID, Status: liveblog.PostDraft, Limit: 2}
	for more := true; more; {
		list, err := db.Posts(t.Context(), q)
		if err != nil || len(list.Posts) == 0 {
			t.Fatalf("%d posts, %v", len(list.Posts), err)
		}
		for _, p := range list.Posts {
			seen[p.ID] = true
			q.Before, q.BeforeID = p.UpdatedAt, p.ID
		}
		more = list.More
	}
	if len(seen) != 7 {
		t.Errorf("%d of 7 drafts are listed", len(seen))
	}
}
