package postgres_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"dateline/internal/liveblog"
	"dateline/internal/proof/pgtest"
)

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

// Lists by tag follow whatever happens to a post.
func TestPosts_TagsFollowThePost(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	draft := newPost(blog, "p")
	draft.Status, draft.Tags = liveblog.PostDraft, []string{"a", "b"}
	w, err := db.CreatePost(t.Context(), nobody, liveblog.IdempotencyKey{}, draft, anyone)
	if err != nil {
		t.Fatal(err)
	}
	ref := liveblog.PostRef{BlogID: blog.ID, ID: w.Post.ID}
	edit := func(patch liveblog.PostPatch) func() error {
		return func() error { _, err := db.EditPost(t.Context(), nobody, ref, patch, anyone); return err }
	}
	published, key := liveblog.PostPublished, true
	for _, step := range []struct {
		name string
		do   func() error
		want string // the tags that have the post, and those that have it as a key event
	}{
		{"drafted", func() error { return nil }, ""},
		{"published", edit(liveblog.PostPatch{Status: &published}), "a b"},
		{"tags changed", edit(liveblog.PostPatch{Tags: &[]string{"b", "c"}}), "b c"},
		{"made a key event", edit(liveblog.PostPatch{KeyEvent: &key}), "b B c C"},
		{"removed", func() error { _, err := db.RemovePost(t.Context(), nobody, ref, anyone); return err }, ""},
		{"restored", func() error { _, err := db.RestorePost(t.Context(), nobody, ref, anyone); return err }, "b B c C"},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		var got []string
		for _, tag := range []string{"a", "b", "c"} {
			for _, onlyKey := range []bool{false, true} {
				list, err := db.Posts(t.Context(), liveblog.PostQuery{BlogID: blog.ID, Status: published, Tag: tag, KeyEvent: onlyKey, Limit: 9})
				if err != nil {
					t.Fatal(err)
				}
				if name := map[bool]string{false: tag, true: strings.ToUpper(tag)}[onlyKey]; len(list.Posts) > 0 {
					got = append(got, name)
				}
			}
		}
		if s := strings.Join(got, " "); s != step.want {
			t.Errorf("%s: %q, want %q", step.name, s, step.want)
		}
	}
}
