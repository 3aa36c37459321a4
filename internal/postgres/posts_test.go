package postgres_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/pgtest"
	"dateline/internal/postgres"

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
	var stale *liveblog.StaleError
	_, err := db.EditPost(t.Context(), nobody, liveblog.PostRef{BlogID: blog.ID, ID: w.Post.ID, Version: 9}, liveblog.PostPatch{Title: &title}, anyone)
	if !errors.As(err, &stale) || stale.Current.(*liveblog.Post).Title != "one" {
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

func TestBlog_Ended(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	w := publish(t, db, newPost(blog, "one"))
	ended, live := liveblog.BlogEnded, liveblog.BlogLive
	for range 2 {
		if _, err := db.EditBlog(t.Context(), nobody, blog.ID, 0, liveblog.BlogPatch{Status: &ended}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.CreatePost(t.Context(), nobody, liveblog.IdempotencyKey{}, newPost(blog, "late"), anyone); !errors.Is(err, liveblog.ErrConflict) {
		t.Errorf("a post on an ended blog: %v", err)
	}
	title := "one, corrected later"
	if _, err := db.EditPost(t.Context(), nobody, ref(w), liveblog.PostPatch{Title: &title}, anyone); err != nil {
		t.Errorf("a correction on an ended blog: %v", err)
	}
	b, err := db.EditBlog(t.Context(), nobody, blog.ID, 0, liveblog.BlogPatch{Status: &live})
	if err != nil || b.EndedAt != nil {
		t.Errorf("reopened: %+v, %v", b, err)
	}
	expectLog(t, db, blog, "post v1", "blog v2", "update v2", "blog v3")
}

// Ending would show a draft to readers.
func TestBlog_DraftCantEnd(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog, _, err := db.CreateBlog(t.Context(), nobody, liveblog.IdempotencyKey{},
		liveblog.Blog{Slug: "draft", Title: "Draft", Status: liveblog.BlogDraft, Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	ended := liveblog.BlogEnded
	if _, err := db.EditBlog(t.Context(), nobody, blog.ID, 0, liveblog.BlogPatch{Status: &ended}); !errors.Is(err, liveblog.ErrConflict) {
		t.Errorf("ended a draft: %v", err)
	}
	expectLog(t, db, blog)
}

func TestPosts_Pages(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	for i := range 7 {
		p := newPost(blog, fmt.Sprint(i+1))
		p.KeyEvent = i%3 == 0
		p.Tags = []string{[]string{"odd", "even"}[i%2]}
		publish(t, db, p)
	}
	for name, c := range map[string]struct {
		query liveblog.PostQuery
		want  string
		more  bool
	}{
		"newest": {liveblog.PostQuery{Limit: 3}, "7 6 5", true},
		"next":   {liveblog.PostQuery{Limit: 3, After: 5}, "4 3 2", true},
		"last":   {liveblog.PostQuery{Limit: 3, After: 2}, "1", false},
		"oldest": {liveblog.PostQuery{Limit: 3, Oldest: true, After: 2}, "3 4 5", true},
		"keys":   {liveblog.PostQuery{Limit: 9, KeyEvent: true}, "7 4 1", false},
		"tag":    {liveblog.PostQuery{Limit: 9, Tag: "even"}, "6 4 2", false},
	} {
		c.query.BlogID, c.query.Status = blog.ID, liveblog.PostPublished
		list, err := db.Posts(t.Context(), c.query)
		if err != nil {
			t.Fatal(err)
		}
		var titles []string
		for _, p := range list.Posts {
			titles = append(titles, p.Title)
		}
		if got := strings.Join(titles, " "); got != c.want || list.More != c.more || list.LastSeq != 7 {
			t.Errorf("%s: %s, more %t, last %d; want %s, %t", name, got, list.More, list.LastSeq, c.want, c.more)
		}
	}
}

// A page is of one moment: its posts are exactly those that the log tells of up
// to its number, whatever is published meanwhile.
func TestPage_IsOneSnapshot(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	stop := make(chan struct{})
	var publisher sync.WaitGroup
	publisher.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_, _ = db.CreatePost(t.Context(), nobody, liveblog.IdempotencyKey{}, newPost(blog, "x"), anyone)
			}
		}
	})
	for range 100 {
		page, err := db.Page(t.Context(), blog.Slug, liveblog.PageQuery{Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		if page.Blog.LastSeq > 0 && page.Posts[0].Position != page.Blog.LastSeq {
			t.Fatalf("the page says %d and shows %d", page.Blog.LastSeq, page.Posts[0].Position)
		}
	}
	close(stop)
	publisher.Wait()
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

func TestViews(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog, other := newBlog(t, db), newBlog(t, db)
	a, b := publish(t, db, newPost(blog, "a")), publish(t, db, newPost(other, "b"))
	node1, node2 := uuid.New(), uuid.New()
	for range 2 {
		for node, n := range map[uuid.UUID]int64{node1: 3, node2: 4} {
			counts := map[uuid.UUID]int64{a.Post.ID: n, b.Post.ID: 9, uuid.New(): 1}
			if err := db.AddViews(t.Context(), node, blog.ID, counts, n); err != nil {
				t.Fatal(err)
			}
		}
	}
	counts, err := db.Counts(t.Context(), []uuid.UUID{blog.ID, other.ID}, true)
	if err != nil {
		t.Fatal(err)
	}
	if c := counts[blog.ID]; c.Posts[a.Post.ID] != 14 || len(c.Posts) != 1 || c.Readers != 7 {
		t.Errorf("counts are %+v", c)
	}
	if c := counts[other.ID]; len(c.Posts) != 0 {
		t.Errorf("views of one blog were counted for another: %+v", c)
	}
}

func TestReaders_OfNodesThatAreGoneAreForgotten(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	gone, here := uuid.New(), uuid.New()
	for _, node := range []uuid.UUID{gone, here} {
		if err := db.AddViews(t.Context(), node, blog.ID, nil, 5); err != nil {
			t.Fatal(err)
		}
	}
	mustExec(t, db, `UPDATE node_readers SET at = at - interval '2 hours' WHERE node_id = $1`, gone)
	if err := db.ForgetReaders(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left uuid.UUID
	if err := db.Pool().QueryRow(t.Context(), `SELECT node_id FROM node_readers`).Scan(&left); err != nil || left != here {
		t.Errorf("%s is left, want %s: %v", left, here, err)
	}
}

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

// A transaction that can't get the blog's row gives up in time and says so.
func TestTx_BusyBlogIsUnavailable(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog, other := newBlog(t, db), newBlog(t, db)
	tx, err := db.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	if _, err := tx.Exec(t.Context(), `SELECT FROM blogs WHERE id = $1 FOR UPDATE`, blog.ID); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, err := db.CreatePost(t.Context(), nobody, liveblog.IdempotencyKey{}, newPost(blog, "x"), anyone); !errors.Is(err, liveblog.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	publish(t, db, newPost(other, "not disturbed"))
}

func TestBadText_IsInvalid(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	if _, err := db.CreatePost(t.Context(), nobody, liveblog.IdempotencyKey{}, newPost(blog, "a\x00b"), anyone); !errors.Is(err, liveblog.ErrInvalid) {
		t.Errorf("NUL: %v", err)
	}
	expectLog(t, db, blog)
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
