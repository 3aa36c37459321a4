package postgres

import (
	"context"
	"errors"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Page reads all that a reader's page shows, in one snapshot. A blog that does not
// exist is ErrNotFound.
func (db *EventStore) Page(ctx context.Context, slug string, q liveblog.PageQuery) (page *liveblog.Page, err error) {
	err = db.snapshot(ctx, func(tx pgx.Tx) error {
		page, err = readPage(ctx, tx, slug, q)
		return err
	})
	if err != nil {
		return nil, readErr(err, "page of blog %q", slug)
	}
	return page, db.ensureConfirmed(ctx, headOf(&page.Blog))
}

func headOf(b *liveblog.Blog) liveblog.Head { return liveblog.Head{BlogID: b.ID, LastSeq: b.LastSeq} }

func readPage(ctx context.Context, tx pgx.Tx, slug string, q liveblog.PageQuery) (*liveblog.Page, error) {
	blog, err := blogWhere(ctx, tx, `slug = $1`, slug)
	if errors.Is(err, liveblog.ErrNotFound) {
		return nil, liveblog.Errorf(liveblog.ErrNotFound, "blog_not_found", "there is no blog %q", slug)
	}
	if err != nil {
		return nil, err
	}
	page := &liveblog.Page{Blog: *blog, First: q.Cursor == 0}
	if page.Pinned, err = pinnedPost(ctx, tx, blog); err != nil {
		return nil, err
	}
	keys := liveblog.PostQuery{BlogID: blog.ID, Status: liveblog.PostPublished, KeyEvent: true, Limit: liveblog.MaxKeyEvents}
	if page.KeyEvents, _, err = listPosts(ctx, tx, keys); err != nil {
		return nil, err
	}
	var more bool
	page.Posts, more, err = listPosts(ctx, tx, liveblog.PostQuery{
		BlogID: blog.ID, Status: liveblog.PostPublished, KeyEvent: q.KeyEvents, Tag: q.Tag,
		Oldest: q.OldestFirst, Limit: q.Limit, After: q.Cursor,
	})
	if more {
		page.Next = page.Posts[len(page.Posts)-1].Position
	}
	return page, err
}

// pinnedPost reads the pinned post of a blog, or nil if it has none.
func pinnedPost(ctx context.Context, q querier, b *liveblog.Blog) (*liveblog.Post, error) {
	if b.PinnedPostID == nil {
		return nil, nil
	}
	return postWhere(ctx, q, `p.id = $1`, *b.PinnedPostID)
}

// BlogPost reads a post, whatever its status, and its blog, in one snapshot.
func (db *EventStore) BlogPost(ctx context.Context, slug string, id uuid.UUID) (blog *liveblog.Blog, post *liveblog.Post, err error) {
	err = db.snapshot(ctx, func(tx pgx.Tx) error {
		if blog, err = blogWhere(ctx, tx, `slug = $1`, slug); err != nil {
			return err
		}
		post, err = postWhere(ctx, tx, `p.id = $1 AND p.blog_id = $2`, id, blog.ID)
		return err
	})
	if err != nil {
		return nil, nil, readErr(err, "post %s of blog %q", id, slug)
	}
	return blog, post, db.ensureConfirmed(ctx, headOf(blog))
}
