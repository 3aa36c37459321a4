package postgres

import (
	"context"
	"errors"
	"fmt"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// querier is what a pool and a transaction have in common.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

const blogColumns = `
	id, slug, title, summary, summary_html, status, language, unlisted, pinned_post_id,
	version, epoch, last_seq, low_seq, encode(chain, 'hex'), created_at, updated_at, started_at, ended_at`

func scanBlog(row pgx.CollectableRow) (*liveblog.Blog, error) {
	return pgx.RowToAddrOfStructByPos[liveblog.Blog](row)
}

// blogWhere finds exactly one blog; condition is a literal of this package.
func blogWhere(ctx context.Context, q querier, condition string, args ...any) (*liveblog.Blog, error) {
	rows, err := q.Query(ctx, `SELECT `+blogColumns+` FROM blogs WHERE `+condition, args...)
	if err != nil {
		return nil, readErr(err, "blog")
	}
	blog, err := pgx.CollectExactlyOneRow(rows, scanBlog)
	return blog, readErr(err, "blog")
}

// Blog finds a blog by its slug, or ErrNotFound.
func (db *DB) Blog(ctx context.Context, slug string) (*liveblog.Blog, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	blog, err := blogWhere(ctx, &db.pool, `slug = $1`, slug)
	if errors.Is(err, liveblog.ErrNotFound) {
		return nil, liveblog.Errorf(liveblog.ErrNotFound, "blog_not_found", "there is no blog %q", slug)
	}
	return blog, err
}

// Blogs lists blogs, the last changed first.
func (db *DB) Blogs(ctx context.Context, q liveblog.BlogQuery) ([]liveblog.Blog, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	sql, args := listBlogs(q)
	rows, err := db.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, readErr(err, "blogs")
	}
	blogs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[liveblog.Blog])
	return blogs[:min(len(blogs), q.Limit)], readErr(err, "blogs")
}

func listBlogs(q liveblog.BlogQuery) (sql string, args []any) {
	var c condition
	if !q.All {
		c.where(`status <> 'draft' AND NOT unlisted`)
	}
	if !q.BeforeTime.IsZero() {
		c.where(`(created_at, id) < ($, $)`, q.BeforeTime, q.BeforeID)
	}
	switch q.Status {
	case liveblog.BlogDraft:
		c.where(`status = 'draft'`)
	case liveblog.BlogLive:
		c.where(`status = 'live'`)
	case liveblog.BlogEnded:
		c.where(`status = 'ended'`)
	}
	return `SELECT ` + blogColumns + ` FROM blogs` + c.sql.String() + ` ORDER BY created_at DESC, id DESC` + atMost(q.Limit), c.args
}

// CreateBlog stores a blog and gives it its id. A slug that is taken is
// ErrConflict. The second result tells that the key was used before.
func (db *DB) CreateBlog(ctx context.Context, a liveblog.Actor, key liveblog.IdempotencyKey, b liveblog.Blog) (blog *liveblog.Blog, replayed bool, err error) {
	err = db.tx(ctx, func(tx pgx.Tx) error {
		blog, replayed, err = once(ctx, tx, a, key, func() (*liveblog.Blog, error) { return createBlog(ctx, tx, a, b) })
		return err
	})
	return blog, replayed, err
}

func createBlog(ctx context.Context, tx pgx.Tx, a liveblog.Actor, b liveblog.Blog) (*liveblog.Blog, error) {
	rows, err := tx.Query(ctx, `
		INSERT INTO blogs (id, slug, title, summary, summary_html, status, language, unlisted, started_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, CASE WHEN $6 = 'live' THEN now() END)
		RETURNING `+blogColumns,
		uuid.Must(uuid.NewV7()), b.Slug, b.Title, b.Summary, b.SummaryHTML, b.Status, b.Language, b.Unlisted)
	if err != nil {
		return nil, err
	}
	blog, err := pgx.CollectExactlyOneRow(rows, scanBlog)
	if violates(err, "blogs_slug_key") {
		return nil, liveblog.Errorf(liveblog.ErrConflict, "slug_taken", "there is a blog %q already", b.Slug)
	}
	if err != nil {
		return nil, fmt.Errorf("create blog: %w", err)
	}
	return blog, audit(ctx, tx, a, "blog.create", blog.ID.String(), map[string]any{"slug": b.Slug})
}

// EditBlog changes a blog's texts and status, and tells its readers. version
// is the one the editor saw; 0 is any.
func (db *DB) EditBlog(ctx context.Context, a liveblog.Actor, id uuid.UUID, version int64, patch liveblog.BlogPatch) (blog *liveblog.Blog, err error) {
	var seq int64
	err = db.tx(ctx, func(tx pgx.Tx) error {
		blog, seq, err = editBlog(ctx, tx, a, id, version, patch)
		return err
	})
	if err != nil {
		return nil, err
	}
	db.wrote(id, seq)
	return blog, nil
}

func editBlog(ctx context.Context, tx pgx.Tx, a liveblog.Actor, id uuid.UUID, version int64, patch liveblog.BlogPatch) (*liveblog.Blog, int64, error) {
	blog, err := blogWhere(ctx, tx, `id = $1 FOR NO KEY UPDATE`, id)
	if err != nil {
		return nil, 0, err
	}
	if version != 0 && version != blog.Version {
		return nil, 0, liveblog.VersionError(blog)
	}
	before := blog.Status
	if !patch.Apply(blog) {
		return blog, 0, nil
	}
	if err := before.To(blog.Status); err != nil {
		return nil, 0, err
	}
	if err := blog.Validate(); err != nil {
		return nil, 0, err
	}
	return storeBlog(ctx, tx, a, blog)
}

func storeBlog(ctx context.Context, tx pgx.Tx, a liveblog.Actor, b *liveblog.Blog) (*liveblog.Blog, int64, error) {
	_, err := tx.Exec(ctx, `
		UPDATE blogs SET title = $2, summary = $3, summary_html = $4, language = $5, unlisted = $6, status = $7,
			started_at = CASE WHEN $7 = 'live' THEN coalesce(started_at, now()) ELSE started_at END,
			ended_at = CASE WHEN $7 = 'ended' THEN coalesce(ended_at, now()) END
		WHERE id = $1`, b.ID, b.Title, b.Summary, b.SummaryHTML, b.Language, b.Unlisted, b.Status)
	if err != nil {
		return nil, 0, fmt.Errorf("edit blog: %w", err)
	}
	seq, err := announceBlog(ctx, tx, b.ID)
	if err != nil {
		return nil, 0, err
	}
	if err := audit(ctx, tx, a, "blog.edit", b.ID.String(), map[string]any{"status": b.Status}); err != nil {
		return nil, 0, err
	}
	blog, err := blogWhere(ctx, tx, `id = $1`, b.ID)
	return blog, seq, err
}

// Pin puts a published post of the blog at its top, or none.
func (db *DB) Pin(ctx context.Context, a liveblog.Actor, blogID uuid.UUID, postID *uuid.UUID) (blog *liveblog.Blog, err error) {
	var seq int64
	err = db.tx(ctx, func(tx pgx.Tx) error {
		if seq, err = pin(ctx, tx, a, blogID, postID); err != nil {
			return err
		}
		blog, err = blogWhere(ctx, tx, `id = $1`, blogID)
		return err
	})
	if err != nil {
		return nil, err
	}
	db.wrote(blogID, seq)
	return blog, nil
}

// pin returns the event's seq, or 0 when nothing changed.
func pin(ctx context.Context, tx pgx.Tx, a liveblog.Actor, blogID uuid.UUID, postID *uuid.UUID) (int64, error) {
	tag, err := tx.Exec(ctx, `
		UPDATE blogs SET pinned_post_id = $2
		WHERE id = $1 AND pinned_post_id IS DISTINCT FROM $2
		  AND ($2 IS NULL OR EXISTS (SELECT FROM posts WHERE id = $2 AND blog_id = $1 AND status = 'published'))`,
		blogID, postID)
	if err != nil {
		return 0, fmt.Errorf("pin: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return 0, pinnable(ctx, tx, blogID, postID)
	}
	seq, err := announceBlog(ctx, tx, blogID)
	if err != nil {
		return 0, err
	}
	return seq, audit(ctx, tx, a, "blog.pin", blogID.String(), map[string]any{"post": postID})
}

// pinnable tells "already so" from "no such post".
func pinnable(ctx context.Context, tx pgx.Tx, blogID uuid.UUID, postID *uuid.UUID) error {
	if postID == nil {
		return nil
	}
	p, err := postWhere(ctx, tx, `p.id = $1 AND p.blog_id = $2`, *postID, blogID)
	if err != nil {
		return err
	}
	if p.Status != liveblog.PostPublished {
		return liveblog.Errorf(liveblog.ErrConflict, "not_published", "only a published post can be pinned")
	}
	return nil
}
