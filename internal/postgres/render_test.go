package postgres_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/postgres"
	"dateline/internal/proof/pgtest"

	"github.com/google/uuid"
)

// openRenderers returns two stores of one database: of a node with the first renderer
// and of one with the second.
func openRenderers(t *testing.T) (old, current *postgres.DB) {
	t.Helper()
	dsn := pgtest.DSN(t)
	for version, db := range map[int]**postgres.DB{1: &old, 2: &current} {
		var err error
		if *db, err = postgres.Open(t.Context(), postgres.Config{DSN: dsn, RenderVersion: version}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup((*db).Close)
	}
	return old, current
}

// rendered is a post of the first renderer.
func rendered(blog *liveblog.Blog, body string) liveblog.Post {
	return liveblog.Post{BlogID: blog.ID, Status: liveblog.PostPublished, Body: body, HTML: "<p>" + body + "</p>", Text: body, Tags: []string{}}
}

// secondRenderer differs from the first one in texts with a "new" in them.
func secondRenderer(_ context.Context, markdown string) (html, text string, err error) {
	switch {
	case strings.Contains(markdown, "invalid"):
		return "", "", liveblog.Errorf(liveblog.ErrInvalid, "too_complex", "the text is too complex")
	case strings.Contains(markdown, "panic"):
		panic("a bug of the renderer")
	case strings.Contains(markdown, "new"):
		return "<p><em>" + markdown + "</em></p>", markdown, nil
	case markdown == "":
		return "", "", nil
	}
	return "<p>" + markdown + "</p>", markdown, nil
}

func mustRenderAnew(t *testing.T, db *postgres.DB, render postgres.Render) (changed int) {
	t.Helper()
	changed, err := db.RenderAnew(t.Context(), nobody, render)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

func mustPost(t *testing.T, db *postgres.DB, w liveblog.Written) *liveblog.Post {
	t.Helper()
	p, err := db.Post(t.Context(), w.Post.BlogID, w.Post.ID)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func renderVersion(t *testing.T, db *postgres.DB, w liveblog.Written) int {
	t.Helper()
	return count(t, db, `SELECT render_version FROM posts WHERE id = $1`, w.Post.ID)
}

func TestRenderAnew_PublishedPostChangesWithItsEvent(t *testing.T) {
	t.Parallel()
	old, current := openRenderers(t)
	blog := newBlog(t, old)
	changing := publish(t, old, rendered(blog, "new"))
	same := publish(t, old, rendered(blog, "same"))
	before := mustPost(t, current, changing)
	var committed []int64
	current.OnWrite(func(_ uuid.UUID, seq int64) { committed = append(committed, seq) })
	if n := mustRenderAnew(t, current, secondRenderer); n != 1 {
		t.Errorf("%d texts changed, want 1", n)
	}
	expectLog(t, current, blog, "post v1", "post v1", "update v2")
	if len(committed) != 1 || committed[0] != 3 {
		t.Errorf("the node was notified of %v, want event 3", committed)
	}
	after := mustPost(t, current, changing)
	if after.HTML != "<p><em>new</em></p>" || after.Version != 2 {
		t.Errorf("the post is %q, version %d", after.HTML, after.Version)
	}
	if !after.UpdatedAt.Equal(before.UpdatedAt) || after.EditedAt != nil || after.Position != before.Position {
		t.Errorf("the post counts as edited: %+v, was %+v", after, before)
	}
	revisions, err := current.Revisions(t.Context(), blog.ID, after.ID, 10)
	if err != nil || len(revisions) != 1 {
		t.Errorf("%d revisions, want the one of its author: %v", len(revisions), err)
	}
	if p := mustPost(t, current, same); p.Version != 1 || renderVersion(t, current, same) != 2 {
		t.Errorf("the same HTML is version %d of the post", p.Version)
	}
	if n := audits(t, current, "post.render"); n != 1 {
		t.Errorf("%d rows in the audit log, want 1", n)
	}
	if n := mustRenderAnew(t, current, failingRenderer(t)); n != 0 {
		t.Errorf("%d texts changed in the second round", n)
	}
	title := "Title"
	w, err := current.EditPost(t.Context(), nobody, liveblog.PostRef{BlogID: blog.ID, ID: after.ID, Version: 2}, liveblog.PostPatch{Title: &title}, anyone)
	if err != nil || w.Post.Version != 3 {
		t.Errorf("an edit afterwards is version %d: %v", w.Post.Version, err)
	}
}

// failingRenderer fails the test when anything is to be rendered.
func failingRenderer(t *testing.T) postgres.Render {
	return func(_ context.Context, markdown string) (string, string, error) {
		t.Errorf("%q is rendered again", markdown)
		return "", "", errors.New("unexpected")
	}
}

func TestRenderAnew_DraftsChangeSilently(t *testing.T) {
	t.Parallel()
	old, current := openRenderers(t)
	blog := newBlog(t, old)
	draft := rendered(blog, "new draft")
	draft.Status = liveblog.PostDraft
	written := publish(t, old, draft)
	removed := publish(t, old, rendered(blog, "new and removed"))
	if _, err := old.RemovePost(t.Context(), nobody, ref(removed), anyone); err != nil {
		t.Fatal(err)
	}
	if n := mustRenderAnew(t, current, secondRenderer); n != 2 {
		t.Errorf("%d texts changed, want 2", n)
	}
	for w, version := range map[*liveblog.Written]int64{&written: 1, &removed: 2} {
		if p := mustPost(t, current, *w); !strings.HasPrefix(p.HTML, "<p><em>") || p.Version != version {
			t.Errorf("the %s post is %q, version %d, want version %d", p.Status, p.HTML, p.Version, version)
		}
	}
	expectLog(t, current, blog, "post v1", "delete v2")
}

func TestRenderAnew_EditMeanwhileWins(t *testing.T) {
	t.Parallel()
	old, current := openRenderers(t)
	blog := newBlog(t, old)
	w := publish(t, old, rendered(blog, "new"))
	unchanged := publish(t, old, rendered(blog, "same"))
	edit := func(db *postgres.DB, w liveblog.Written, body string) {
		content := liveblog.Content{Body: body, HTML: "<p>by hand: " + body + "</p>", Text: body}
		if _, err := db.EditPost(t.Context(), nobody, liveblog.PostRef{BlogID: blog.ID, ID: w.Post.ID}, liveblog.PostPatch{Content: &content}, anyone); err != nil {
			t.Error(err)
		}
	}
	n := mustRenderAnew(t, current, func(ctx context.Context, markdown string) (string, string, error) {
		switch markdown { // the text was read, and its row is not locked
		case "new":
			edit(current, w, "new by the editor")
		case "same":
			edit(old, unchanged, "same by the editor")
		}
		return secondRenderer(ctx, markdown)
	})
	if n != 0 {
		t.Errorf("%d texts changed, want 0", n)
	}
	if p := mustPost(t, current, w); p.Version != 2 || p.HTML != "<p>by hand: new by the editor</p>" {
		t.Errorf("the post is %q, version %d, want the editor's version 2", p.HTML, p.Version)
	}
	if v := renderVersion(t, current, w); v != 2 {
		t.Errorf("an edit by the second renderer is stored as of renderer %d", v)
	}
	if v := renderVersion(t, current, unchanged); v != 1 {
		t.Errorf("an edit by the first renderer is stored as of renderer %d", v)
	}
	expectLog(t, current, blog, "post v1", "post v1", "update v2", "update v2")
}

// The erasure of a removed post leaves its version as it is.
func TestRenderAnew_ErasedTextStaysErased(t *testing.T) {
	t.Parallel()
	old, current := openRenderers(t)
	blog := newBlog(t, old)
	w := publish(t, old, rendered(blog, "new"))
	if _, err := old.RemovePost(t.Context(), nobody, ref(w), anyone); err != nil {
		t.Fatal(err)
	}
	mustRenderAnew(t, current, func(ctx context.Context, markdown string) (string, string, error) {
		if markdown != "" {
			mustExec(t, current, `UPDATE posts SET updated_at = now() - interval '1 hour'`)
			if n, err := current.ErasePosts(ctx, nobody, time.Minute); n != 1 || err != nil {
				t.Errorf("%d posts erased: %v", n, err)
			}
		}
		return secondRenderer(ctx, markdown)
	})
	if p := mustPost(t, current, w); p.Body != "" || p.HTML != "" || p.Text != "" {
		t.Errorf("the erased post has %q, %q, %q", p.Body, p.HTML, p.Text)
	}
}

// A text that the renderer does not accept keeps its HTML and is tried once.
func TestRenderAnew_SkipsWhatCannotBeRendered(t *testing.T) {
	t.Parallel()
	old, current := openRenderers(t)
	blog := newBlog(t, old)
	invalid := publish(t, old, rendered(blog, "invalid new"))
	panics := publish(t, old, rendered(blog, "panic new"))
	good := publish(t, old, rendered(blog, "new"))
	if n := mustRenderAnew(t, current, secondRenderer); n != 1 {
		t.Errorf("%d texts changed, want 1", n)
	}
	for _, w := range []liveblog.Written{invalid, panics} {
		if p := mustPost(t, current, w); p.Version != 1 || p.HTML != w.Post.HTML || renderVersion(t, current, w) != 2 {
			t.Errorf("the post is %q, version %d", p.HTML, p.Version)
		}
	}
	if p := mustPost(t, current, good); p.Version != 2 {
		t.Errorf("a post beside them is version %d", p.Version)
	}
	mustRenderAnew(t, current, failingRenderer(t))
}

// When rendering may succeed later, for one because the database is away, the round ends.
func TestRenderAnew_TriesAgainAfterAnOutage(t *testing.T) {
	t.Parallel()
	old, current := openRenderers(t)
	blog := newBlog(t, old)
	w := publish(t, old, rendered(blog, "new"))
	_, err := current.RenderAnew(t.Context(), nobody, func(context.Context, string) (string, string, error) {
		return "", "", liveblog.ErrUnavailable
	})
	wantKind(t, "rendering during an outage", err, liveblog.ErrUnavailable)
	if v := renderVersion(t, current, w); v != 1 {
		t.Errorf("the post counts as rendered by renderer %d", v)
	}
	if n := mustRenderAnew(t, current, secondRenderer); n != 1 {
		t.Errorf("%d texts changed in the next round, want 1", n)
	}
}

func TestRenderAnew_SummaryChangesWithTheBlogsEvent(t *testing.T) {
	t.Parallel()
	old, current := openRenderers(t)
	blog, _, err := old.CreateBlog(t.Context(), nobody, liveblog.IdempotencyKey{}, liveblog.Blog{
		Slug: "summary", Title: "Title", Status: liveblog.BlogLive, Language: "en", Summary: "new", SummaryHTML: "<p>new</p>",
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := mustRenderAnew(t, current, secondRenderer); n != 1 {
		t.Errorf("%d texts changed, want 1", n)
	}
	after, err := current.Blog(t.Context(), blog.Slug)
	if err != nil || after.SummaryHTML != "<p><em>new</em></p>" || after.Version != blog.Version+1 || after.LastSeq != 1 {
		t.Errorf("the blog is %+v: %v", after, err)
	}
	events, err := current.EventsAfter(t.Context(), blog.ID, 0, 10)
	if err != nil || len(events) != 1 || events[0].Type != liveblog.EventBlog {
		t.Errorf("the log is %+v: %v", events, err)
	}
	mustRenderAnew(t, current, failingRenderer(t))
}
