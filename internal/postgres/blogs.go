package postgres

import (
	"context"
	"errors"
	"fmt"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// querier runs queries on a pool or in a transaction.
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

// blogWhere returns the only blog that fulfils condition, which is a literal of this
// package, or ErrNotFound.
func blogWhere(ctx context.Context, q querier, condition string, args ...any) (*liveblog.Blog, error) {
	rows, err := q.Query(ctx, `SELECT `+blogColumns+` FROM blogs WHERE `+condition, args...)
	if err != nil {
		return nil, readErr(err, "blog")
	}
	blog, err := pgx.CollectExactlyOneRow(rows, scanBlog)
	return blog, readErr(err, "blog")
}

// Blog returns the blog with a slug, or ErrNotFound.
func (db *BlogStore) Blog(ctx context.Context, slug string) (*liveblog.Blog, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	blog, err := blogWhere(ctx, &db.readPool, `slug = $1`, slug)
	if errors.Is(err, liveblog.ErrNotFound) {
		return nil, liveblog.Errorf(liveblog.ErrNotFound, "blog_not_found", "there is no blog %q", slug)
	}
	return blog, err
}

// Blogs lists blogs, the newest first.
func (db *BlogStore) Blogs(ctx context.Context, q liveblog.BlogQuery) ([]liveblog.Blog, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	sql, args := listBlogs(q)
	rows, err := db.readPool.Query(ctx, sql, args...)
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

// CreateBlog stores a blog and gives it its id. A slug that is taken is ErrConflict.
// replayed reports that the key was used before: then blog is what that request created.
func (db *BlogStore) CreateBlog(ctx context.Context, a liveblog.Actor, key liveblog.IdempotencyKey, b liveblog.Blog) (blog *liveblog.Blog, replayed bool, err error) {
	err = db.tx(ctx, func(tx pgx.Tx) error {
		blog, replayed, err = once(ctx, tx, a, key, func() (*liveblog.Blog, error) { return db.createBlog(ctx, tx, a, b) })
		return err
	})
	return blog, replayed, err
}

func (db *BlogStore) createBlog(ctx context.Context, tx pgx.Tx, a liveblog.Actor, b liveblog.Blog) (*liveblog.Blog, error) {
	rows, err := tx.Query(ctx, `
		INSERT INTO blogs (id, slug, title, summary, summary_html, status, language, unlisted, summary_render_version, started_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, CASE WHEN $6 = 'live' THEN now() END)
		RETURNING `+blogColumns,
		uuid.Must(uuid.NewV7()), b.Slug, b.Title, b.Summary, b.SummaryHTML, b.Status, b.Language, b.Unlisted, db.renderVersion)
	if err != nil {
		return nil, err
	}
	blog, err := pgx.CollectExactlyOneRow(rows, scanBlog)
	if violates(err, "blogs_slug_key") {
		return nil, liveblog.Errorf(liveblog.ErrConflict, "slug_taken", "there is a blog %q already", b.Slug)
	}
	if err != nil {
		return nil, fmt.Errorf("create blog %q: %w", b.Slug, err)
	}
	return blog, audit(ctx, tx, a, "blog.create", blog.ID.String(), map[string]any{"slug": b.Slug})
}

// blogChange is the result of a transaction that changes a blog.
type blogChange struct {
	blog *liveblog.Blog
	seq  int64 // of its event; 0 if nothing changed
}

// changeBlog runs f in a transaction. After the commit it reports the event of f.
func (db *BlogStore) changeBlog(ctx context.Context, id uuid.UUID, f func(tx pgx.Tx) (blogChange, error)) (*liveblog.Blog, error) {
	c, err := inTx(ctx, db.core, f)
	if err != nil {
		return nil, err
	}
	db.notifyCommitted(id, c.seq)
	return c.blog, nil
}

// EditBlog changes a blog and appends its event, if its version is the one given; 0
// means any. A stale version is a liveblog.StaleError. A patch that changes nothing
// stores nothing.
func (db *BlogStore) EditBlog(ctx context.Context, a liveblog.Actor, id uuid.UUID, version int64, patch liveblog.BlogPatch) (*liveblog.Blog, error) {
	return db.changeBlog(ctx, id, func(tx pgx.Tx) (blogChange, error) { return db.editBlog(ctx, tx, a, id, version, patch) })
}

func (db *BlogStore) editBlog(ctx context.Context, tx pgx.Tx, a liveblog.Actor, id uuid.UUID, version int64, patch liveblog.BlogPatch) (blogChange, error) {
	blog, err := blogWhere(ctx, tx, `id = $1 FOR NO KEY UPDATE`, id)
	if err != nil {
		return blogChange{}, err
	}
	if version != 0 && version != blog.Version {
		return blogChange{}, liveblog.VersionError(blog)
	}
	before := blog.Status
	if !patch.Apply(blog) {
		return blogChange{blog: blog}, nil
	}
	if err := before.To(blog.Status); err != nil {
		return blogChange{}, err
	}
	if err := blog.Validate(); err != nil {
		return blogChange{}, err
	}
	return db.storeBlog(ctx, tx, a, blog)
}

// storeBlog writes a changed blog, its event and the audit row.
func (db *BlogStore) storeBlog(ctx context.Context, tx pgx.Tx, a liveblog.Actor, b *liveblog.Blog) (blogChange, error) {
	_, err := tx.Exec(ctx, `
		UPDATE blogs SET title = $2, summary = $3, summary_html = $4, language = $5, unlisted = $6, status = $7,
			started_at = CASE WHEN $7 = 'live' THEN coalesce(started_at, now()) ELSE started_at END,
			ended_at = CASE WHEN $7 = 'ended' THEN coalesce(ended_at, now()) END,
			summary_render_version = CASE WHEN summary_html = $4 THEN summary_render_version ELSE $8 END
		WHERE id = $1`, b.ID, b.Title, b.Summary, b.SummaryHTML, b.Language, b.Unlisted, b.Status, db.renderVersion)
	if err != nil {
		return blogChange{}, fmt.Errorf("edit blog %s: %w", b.ID, err)
	}
	seq, err := announceBlog(ctx, tx, b.ID)
	if err != nil {
		return blogChange{}, err
	}
	if err := audit(ctx, tx, a, "blog.edit", b.ID.String(), map[string]any{"status": b.Status}); err != nil {
		return blogChange{}, err
	}
	blog, err := blogWhere(ctx, tx, `id = $1`, b.ID)
	return blogChange{blog, seq}, err
}

// Pin puts a published post at the top of the blog; nil removes the pin. A post that
// does not exist is ErrNotFound, one that is not published ErrConflict.
func (db *BlogStore) Pin(ctx context.Context, a liveblog.Actor, blogID uuid.UUID, postID *uuid.UUID) (*liveblog.Blog, error) {
	return db.changeBlog(ctx, blogID, func(tx pgx.Tx) (c blogChange, err error) {
		if c.seq, err = pin(ctx, tx, a, blogID, postID); err != nil {
			return c, err
		}
		c.blog, err = blogWhere(ctx, tx, `id = $1`, blogID)
		return c, err
	})
}

// pin moves the pin of a blog to a post, or away from all. It returns the number of the
// event, or 0 if the pin was there already.
func pin(ctx context.Context, tx pgx.Tx, a liveblog.Actor, blogID uuid.UUID, postID *uuid.UUID) (int64, error) {
	tag, err := tx.Exec(ctx, `
		UPDATE blogs SET pinned_post_id = $2
		WHERE id = $1 AND pinned_post_id IS DISTINCT FROM $2
		  AND ($2 IS NULL OR EXISTS (SELECT FROM posts WHERE id = $2 AND blog_id = $1 AND status = 'published'))`,
		blogID, postID)
	if err != nil {
		return 0, fmt.Errorf("pin in blog %s: %w", blogID, err)
	}
	if tag.RowsAffected() == 0 {
		return 0, checkPinnable(ctx, tx, blogID, postID)
	}
	seq, err := announceBlog(ctx, tx, blogID)
	if err != nil {
		return 0, err
	}
	return seq, audit(ctx, tx, a, "blog.pin", blogID.String(), map[string]any{"post": postID})
}

// checkPinnable is called when a pin changed nothing. It returns nil if the pin was
// there already, and otherwise why the post cannot be pinned.
func checkPinnable(ctx context.Context, tx pgx.Tx, blogID uuid.UUID, postID *uuid.UUID) error {
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
