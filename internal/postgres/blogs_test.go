package postgres_test

import (
	"errors"
	"testing"

	"dateline/internal/liveblog"
	"dateline/internal/proof/pgtest"
)

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
