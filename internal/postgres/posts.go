package postgres

import (
	"context"
	"errors"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// postColumns and postTables select a post with what is derived from its
// blog, its author and its views, in the order of scanPost.
const (
	postColumns = `
	p.id, p.blog_id, p.status, p.version, coalesce(p.position, 0), p.title, p.body, p.html, p.text,
	p.byline, p.tags, p.key_event, coalesce(p.id = b.pinned_post_id, false), coalesce(p.external_id, ''),
	p.author_id, coalesce(u.name, ''), p.created_at, p.updated_at, p.published_at, p.edited_at, coalesce(v.views, 0)`
	postTables = `
	FROM posts p
	JOIN blogs b ON b.id = p.blog_id
	LEFT JOIN users u ON u.id = p.author_id
	LEFT JOIN post_views v ON v.post_id = p.id`
)

func scanPost(row pgx.CollectableRow) (*liveblog.Post, error) {
	var p liveblog.Post
	err := row.Scan(&p.ID, &p.BlogID, &p.Status, &p.Version, &p.Position, &p.Title, &p.Body, &p.HTML, &p.Text,
		&p.Byline, &p.Tags, &p.KeyEvent, &p.Pinned, &p.ExternalID,
		&p.AuthorID, &p.AuthorName, &p.CreatedAt, &p.UpdatedAt, &p.PublishedAt, &p.EditedAt, &p.Views)
	return &p, err
}

// postWhere finds exactly one post; condition is a literal of this package.
func postWhere(ctx context.Context, q querier, condition string, args ...any) (*liveblog.Post, error) {
	rows, err := q.Query(ctx, `SELECT `+postColumns+postTables+` WHERE `+condition, args...)
	if err != nil {
		return nil, readErr(err, "post")
	}
	p, err := pgx.CollectExactlyOneRow(rows, scanPost)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, liveblog.Errorf(liveblog.ErrNotFound, "post_not_found", "there is no such post in this blog")
	}
	return p, readErr(err, "post")
}

// queuePost reads a post that is there.
func queuePost(batch *pgx.Batch, into *liveblog.Post, id uuid.UUID) {
	batch.Queue(`SELECT `+postColumns+postTables+` WHERE p.id = $1`, id).Query(func(rows pgx.Rows) error {
		p, err := pgx.CollectExactlyOneRow(rows, scanPost)
		if err == nil {
			*into = *p
		}
		return err
	})
}

// Post finds a post of a blog, in whatever status it is.
func (db *DB) Post(ctx context.Context, blogID, id uuid.UUID) (*liveblog.Post, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	p, err := postWhere(ctx, &db.pool, `p.id = $1 AND p.blog_id = $2`, id, blogID)
	if err != nil {
		return nil, err
	}
	return p, db.settleBlog(ctx, blogID)
}

// Posts lists posts of a blog together with the head of its log, from one
// snapshot: a stream that starts after LastSeq misses and repeats nothing.
func (db *DB) Posts(ctx context.Context, q liveblog.PostQuery) (list liveblog.PostList, err error) {
	err = db.snapshot(ctx, func(tx pgx.Tx) error {
		if list.Posts, list.More, err = listPosts(ctx, tx, q); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT epoch, last_seq, encode(chain, 'hex') FROM blogs WHERE id = $1`, q.BlogID).
			Scan(&list.Epoch, &list.LastSeq, &list.Chain)
	})
	if err != nil {
		return list, readErr(err, "posts")
	}
	return list, db.settle(ctx, liveblog.Head{BlogID: q.BlogID, LastSeq: list.LastSeq})
}

// listPosts reads one more than asked for, to know whether there are more.
func listPosts(ctx context.Context, q querier, query liveblog.PostQuery) ([]liveblog.Post, bool, error) {
	sql := newestPosts
	switch {
	case query.Status != liveblog.PostPublished:
		sql = unpublishedPosts
	case query.Oldest:
		sql = oldestPosts
	}
	rows, err := q.Query(ctx, sql, query.BlogID, query.Status, query.After, nullTime(query.Before),
		query.KeyEvent, query.Tag, query.AuthorID, query.Limit+1)
	if err != nil {
		return nil, false, readErr(err, "posts")
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (liveblog.Post, error) {
		p, err := scanPost(row)
		return *p, err
	})
	if err != nil || len(list) <= query.Limit {
		return list, false, readErr(err, "posts")
	}
	return list[:query.Limit], true, nil
}

// The lists differ in their order and in where a page continues; all take the
// same parameters.
const (
	postFilter = `
	WHERE p.blog_id = $1 AND p.status = $2
	  AND ($5 = false OR p.key_event)
	  AND ($6 = '' OR $6 = ANY (p.tags))
	  AND ($7::uuid IS NULL OR p.author_id = $7)`
	newestPosts = `SELECT ` + postColumns + postTables + postFilter + `
	  AND ($3 = 0 OR p.position < $3) AND $4::timestamptz IS NULL
	ORDER BY p.position DESC LIMIT $8`
	oldestPosts = `SELECT ` + postColumns + postTables + postFilter + `
	  AND p.position > $3 AND $4::timestamptz IS NULL
	ORDER BY p.position LIMIT $8`
	unpublishedPosts = `SELECT ` + postColumns + postTables + postFilter + `
	  AND $3 = 0 AND ($4::timestamptz IS NULL OR p.updated_at < $4)
	ORDER BY p.updated_at DESC LIMIT $8`
)
