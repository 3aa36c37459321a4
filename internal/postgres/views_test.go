package postgres_test

import (
	"context"
	"testing"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/postgres"
	"dateline/internal/proof/pgtest"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

type (
	viewsOf   = map[uuid.UUID]map[uuid.UUID]int64
	readersOf = map[uuid.UUID]int64
)

// addViews reports whether the database knew the node.
func addViews(t *testing.T, db *postgres.DB, node uuid.UUID, views viewsOf, readers readersOf) bool {
	t.Helper()
	known, err := db.AddViews(t.Context(), node, views, readers)
	if err != nil {
		t.Fatal(err)
	}
	return known
}

// changed looks at blogs, of which the fresh ones are new.
func changed(t *testing.T, db *postgres.DB, blogs, fresh []uuid.UUID, since time.Time) (map[uuid.UUID]liveblog.Counts, time.Time) {
	t.Helper()
	counts, now, err := db.ChangedCounts(t.Context(), blogs, fresh, since)
	if err != nil {
		t.Fatal(err)
	}
	return counts, now
}

func TestViews_CountOnlyPublishedPostsOfTheirBlog(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog, other := newBlog(t, db), newBlog(t, db)
	a, b := publish(t, db, newPost(blog, "a")), publish(t, db, newPost(other, "b"))
	draft := newPost(blog, "draft")
	draft.Status = liveblog.PostDraft
	hidden := publish(t, db, draft)
	node1, node2 := uuid.New(), uuid.New()
	for range 2 {
		for node, n := range map[uuid.UUID]int64{node1: 3, node2: 4} {
			views := viewsOf{blog.ID: {a.Post.ID: n, b.Post.ID: 9, hidden.Post.ID: 1, uuid.New(): 1}}
			addViews(t, db, node, views, readersOf{blog.ID: n})
		}
	}
	counts, _ := changed(t, db, []uuid.UUID{blog.ID, other.ID}, nil, time.Time{})
	if c := counts[blog.ID]; c.Posts[a.Post.ID] != 14 || len(c.Posts) != 1 || c.Readers != 7 {
		t.Errorf("counts are %+v", c)
	}
	if c := counts[other.ID]; len(c.Posts) != 0 {
		t.Errorf("views of one blog were counted for another: %+v", c)
	}
	whole, err := db.Counts(t.Context(), blog.ID)
	if err != nil || whole.Posts[a.Post.ID] != 14 || len(whole.Posts) != 1 || whole.Readers != 7 {
		t.Errorf("counts of one blog are %+v %v", whole, err)
	}
}

// Somebody holds the rows of all blogs and posts, as a stuck transaction does:
// first views and readers are counted all the same, and at once.
func TestViews_WaitForNoRowOfBlogsOrPosts(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	post := publish(t, db, newPost(blog, "seen")).Post.ID
	conn, err := pgx.ConnectConfig(t.Context(), db.Pool().Config().ConnConfig.Copy())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"blogs", "posts"} {
		if _, err := tx.Exec(t.Context(), `SELECT FROM `+table+` FOR UPDATE`); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	addViews(t, db, uuid.New(), viewsOf{blog.ID: {post: 100}}, readersOf{blog.ID: 1})
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %v", took)
	}
	if c, err := db.Counts(t.Context(), blog.ID); err != nil || c.Posts[post] != 100 {
		t.Errorf("counted are %+v %v", c, err)
	}
}

// A flush that PostgreSQL gives up changed nothing, says so in time, and may be
// tried again.
func TestViews_GivenUpFlushIsCertain(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	post := publish(t, db, newPost(blog, "seen")).Post.ID
	node, once := uuid.New(), viewsOf{blog.ID: {post: 1}}
	addViews(t, db, node, once, nil)
	tx, err := db.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `SELECT FROM post_views FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	_, err = db.AddViews(t.Context(), node, once, nil)
	wantKind(t, "a flush that waits for a row of views", err, liveblog.ErrUnavailable)
	if took := time.Since(began); took > 2500*time.Millisecond {
		t.Errorf("it took %v", took)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	addViews(t, db, node, once, nil)
	if c, err := db.Counts(t.Context(), blog.ID); err != nil || c.Posts[post] != 2 {
		t.Errorf("counted are %+v %v, want 2", c, err)
	}
}

// The stop of a node cancels its contexts; what it counted is stored.
func TestViews_GoOnWhenCancelled(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	post := publish(t, db, newPost(blog, "seen")).Post.ID
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := db.AddViews(ctx, uuid.New(), viewsOf{blog.ID: {post: 1}}, nil); err != nil {
		t.Error(err)
	}
}

// Three thousand silent blogs cost as many statements as one.
func TestViews_OneStatementForAllBlogs(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	node, readers, blogs := uuid.New(), readersOf{}, []uuid.UUID{}
	for range 3000 {
		id := uuid.New()
		readers[id], blogs = 1, append(blogs, id)
	}
	_, before := db.Statements()
	addViews(t, db, node, nil, readers)
	counts, now := changed(t, db, blogs, blogs, time.Time{})
	if _, after := db.Statements(); after-before != 4 || len(counts) != 3000 {
		t.Errorf("%d statements, %d blogs", after-before, len(counts))
	}
	mustExec(t, db, `UPDATE node_readers SET at = at - interval '1 minute'`)
	if !addViews(t, db, node, nil, nil) {
		t.Error("the node that lives is not known")
	}
	if counts, _ = changed(t, db, blogs, nil, now); len(counts) != 0 {
		t.Errorf("%d blogs are reported, and nothing has changed", len(counts))
	}
}

// Only what changed is read; what a flush wrote shortly before the last look, and
// committed after it, is not missed.
func TestChangedCounts_ReturnsOnlyWhatChanged(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog, other := newBlog(t, db), newBlog(t, db)
	a, b := publish(t, db, newPost(blog, "a")).Post.ID, publish(t, db, newPost(blog, "b")).Post.ID
	node, both := uuid.New(), []uuid.UUID{blog.ID, other.ID}
	addViews(t, db, node, viewsOf{blog.ID: {a: 1, b: 1}}, readersOf{blog.ID: 3, other.ID: 4})
	mustExec(t, db, `UPDATE post_views SET updated_at = updated_at - interval '1 minute'`)
	mustExec(t, db, `UPDATE node_readers SET at = at - interval '1 minute'`)
	counts, now := changed(t, db, both, both, time.Time{})
	if len(counts) != 2 || counts[blog.ID].Readers != 3 || counts[other.ID].Readers != 4 || len(counts[blog.ID].Posts) != 0 {
		t.Errorf("the counts of fresh blogs are %+v", counts)
	}
	addViews(t, db, node, viewsOf{blog.ID: {a: 1}}, nil)
	mustExec(t, db, `UPDATE post_views SET updated_at = $1::timestamptz - interval '2 seconds' WHERE post_id = $2`, now, a)
	counts, now = changed(t, db, both, nil, now)
	if len(counts) != 1 || counts[blog.ID].Posts[a] != 2 || len(counts[blog.ID].Posts) != 1 || counts[blog.ID].Readers != 3 {
		t.Errorf("after a view: %+v", counts)
	}
	if counts, _ = changed(t, db, both, nil, now.Add(time.Hour)); len(counts) != 0 && len(counts[blog.ID].Posts) == 0 {
		t.Errorf("after the clock went back: %+v", counts)
	}
}

// The readers of a node that is gone are gone, and that is news. When it comes
// back it is asked to say all again.
func TestChangedCounts_NodeGone(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	dies, lives, one := uuid.New(), uuid.New(), []uuid.UUID{blog.ID}
	for _, node := range []uuid.UUID{dies, lives} {
		if addViews(t, db, node, nil, readersOf{blog.ID: 2}) {
			t.Error("a new node is known")
		}
	}
	mustExec(t, db, `UPDATE node_readers SET at = at - interval '1 minute'`)
	counts, now := changed(t, db, one, one, time.Time{})
	if counts[blog.ID].Readers != 4 {
		t.Errorf("at first %+v", counts)
	}
	mustExec(t, db, `UPDATE nodes SET at = at - interval '5 seconds' WHERE id = $1`, dies)
	if counts, _ = changed(t, db, one, nil, now); counts[blog.ID].Readers != 2 {
		t.Errorf("after a node died: %+v", counts)
	}
	if addViews(t, db, dies, nil, nil) {
		t.Error("the node that was silent for too long is known")
	}
	// As a version before this one writes, whose rows are dated:
	old := uuid.New()
	mustExec(t, db, `INSERT INTO node_readers (node_id, blog_id, readers) VALUES ($1, $2, 5)`, old, blog.ID)
	if counts, _ = changed(t, db, one, nil, now); counts[blog.ID].Readers != 9 {
		t.Errorf("with a node of another version: %+v", counts)
	}
}
