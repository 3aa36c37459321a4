package postgres_test

import (
	"errors"
	"testing"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/proof/pgtest"
)

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
