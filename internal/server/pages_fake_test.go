package server

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/markup"
	"dateline/internal/server/pages"
	"dateline/web"

	"github.com/google/uuid"
)

// fakePages keeps one blog in memory, for tests whose subject is not SQL.
type fakePages struct {
	mu    sync.Mutex
	blog  liveblog.Blog
	posts []liveblog.Post // by position, ascending
	err   error           // what every method returns, if not nil
}

func (f *fakePages) Blogs(context.Context, liveblog.BlogQuery) ([]liveblog.Blog, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return []liveblog.Blog{f.blog}, f.err
}

func (f *fakePages) Page(_ context.Context, slug string, q liveblog.PageQuery) (*liveblog.Page, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil || slug != f.blog.Slug {
		return nil, cmpErr(f.err)
	}
	p := &liveblog.Page{Blog: f.blog, First: true}
	for _, post := range f.ordered(q.OldestFirst) {
		if post.Status != liveblog.PostPublished {
			continue
		}
		if post.KeyEvent {
			p.KeyEvents = append(p.KeyEvents, post)
		}
		if f.blog.PinnedPostID != nil && *f.blog.PinnedPostID == post.ID {
			p.Pinned = &post
		}
		f.addTo(p, post, q)
	}
	return p, nil
}

func (f *fakePages) addTo(p *liveblog.Page, post liveblog.Post, q liveblog.PageQuery) {
	switch {
	case q.KeyEvents && !post.KeyEvent, q.Tag != "" && !slices.Contains(post.Tags, q.Tag):
	case q.Cursor > 0 && (post.Position >= q.Cursor) != q.OldestFirst || q.Cursor == post.Position:
		p.First = false
	case len(p.Posts) == q.Limit:
		p.Next = p.Posts[q.Limit-1].Position
	default:
		p.Posts = append(p.Posts, post)
	}
}

func (f *fakePages) ordered(oldestFirst bool) []liveblog.Post {
	posts := slices.Clone(f.posts)
	if !oldestFirst {
		slices.Reverse(posts)
	}
	return posts
}

func (f *fakePages) BlogPost(_ context.Context, slug string, id uuid.UUID) (*liveblog.Blog, *liveblog.Post, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, post := range f.posts {
		if f.err == nil && post.ID == id && slug == f.blog.Slug {
			return &f.blog, &post, nil
		}
	}
	return nil, nil, cmpErr(f.err)
}

func cmpErr(err error) error {
	if err != nil {
		return err
	}
	return liveblog.Errorf(liveblog.ErrNotFound, "blog_not_found", "there is no such blog")
}

// change runs f on the content, safely beside running requests.
func (f *fakePages) change(change func(*fakePages)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

var (
	kickOff   = time.Date(2026, 11, 21, 15, 0, 0, 0, time.UTC)
	testEpoch = "epoch1"
)

func testID(n int) uuid.UUID { return uuid.MustParse(fmt.Sprintf("00000000-0000-4000-8000-%012d", n)) }

// testPost is the n-th post of the blog, two minutes after the one before.
func testPost(n int, title, html string) liveblog.Post {
	at := kickOff.Add(time.Duration(n) * 2 * time.Minute)
	return liveblog.Post{
		ID: testID(n), Status: liveblog.PostPublished, Version: 1, Position: int64(n), Title: title,
		HTML: html, Text: markup.OneLine(html), Tags: []string{}, PublishedAt: &at, CreatedAt: at, UpdatedAt: at,
	}
}

// cupFinal is a live blog of n plain posts.
func cupFinal(n int) *fakePages {
	started := kickOff
	f := &fakePages{blog: liveblog.Blog{
		ID: testID(999), Slug: "cup-final", Title: "Cup final, as it happened", SummaryHTML: "<p>The <em>final</em>, live.</p>",
		Status: liveblog.BlogLive, Language: "en", Epoch: testEpoch, LastSeq: int64(n), Version: 1,
		CreatedAt: kickOff, UpdatedAt: kickOff, StartedAt: &started,
	}}
	for i := 1; i <= n; i++ {
		f.posts = append(f.posts, testPost(i, fmt.Sprintf("Post %d", i), fmt.Sprintf("<p>Text of post %d. %s</p>", i, strings.Repeat("More words follow here. ", 12))))
	}
	return f
}

func newTestRenderer(t testing.TB) *pages.Renderer {
	t.Helper()
	r, err := pages.NewRenderer(web.Templates, web.Assets)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func newPageServer(t testing.TB, f pages.Store) *Server {
	t.Helper()
	s, err := New(Options{PublicURL: &url.URL{Scheme: "https", Host: "live.example"}, Version: "test", Outdated: func(liveblog.Head) bool { return true }, Pages: f, Renderer: newTestRenderer(t)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
