package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// postColumns and postTables select a post, with what is derived from its blog, its
// author and its views. The columns are in the order of scanPost.
const (
	postColumns = `
	p.id, p.blog_id, p.status, p.version, coalesce(p.position, 0), p.title, p.body, p.html, p.text,
	p.byline, p.tags, p.key_event, coalesce(p.id = b.pinned_post_id, false), coalesce(p.external_id, ''),
	p.author_id, coalesce(u.name, ''), p.created_at, p.updated_at, p.published_at, p.edited_at, coalesce(v.views, 0)`
	postTables = `
	FROM posts p` + postJoins
	tagTables = `
	FROM post_tags t
	JOIN posts p ON p.id = t.post_id` + postJoins
	postJoins = `
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

// postWhere returns the only post that fulfils condition, which is a literal of this
// package, or ErrNotFound.
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

// queuePost queues the read of an existing post.
func queuePost(batch *pgx.Batch, into *liveblog.Post, id uuid.UUID) {
	batch.Queue(`SELECT `+postColumns+postTables+` WHERE p.id = $1`, id).Query(func(rows pgx.Rows) error {
		p, err := pgx.CollectExactlyOneRow(rows, scanPost)
		if err == nil {
			*into = *p
		}
		return err
	})
}

// Post returns a post of a blog, whatever its status, or ErrNotFound.
func (db *BlogStore) Post(ctx context.Context, blogID, id uuid.UUID) (*liveblog.Post, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	p, err := postWhere(ctx, &db.readPool, `p.id = $1 AND p.blog_id = $2`, id, blogID)
	if err != nil {
		return nil, err
	}
	return p, db.ensureBlogConfirmed(ctx, blogID)
}

// Posts lists posts of a blog. The list and the head of the blog's log are from one
// snapshot, so a stream that starts after LastSeq misses and repeats nothing.
func (db *BlogStore) Posts(ctx context.Context, q liveblog.PostQuery) (list liveblog.PostList, err error) {
	err = db.snapshot(ctx, func(tx pgx.Tx) error {
		if list.Posts, list.More, err = listPosts(ctx, tx, q); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT epoch, last_seq, encode(chain, 'hex') FROM blogs WHERE id = $1`, q.BlogID).
			Scan(&list.Epoch, &list.LastSeq, &list.Chain)
	})
	if err != nil {
		return list, readErr(err, "posts of blog %s", q.BlogID)
	}
	return list, db.ensureConfirmed(ctx, liveblog.Head{BlogID: q.BlogID, LastSeq: list.LastSeq})
}

// listPosts returns at most query.Limit posts and whether there are more: it reads
// one more than it returns.
func listPosts(ctx context.Context, q querier, query liveblog.PostQuery) ([]liveblog.Post, bool, error) {
	sql, args := publishedPosts(query)
	if query.Status != liveblog.PostPublished {
		sql, args = unpublishedPosts(query)
	}
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, false, readErr(err, "posts of blog %s", query.BlogID)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (liveblog.Post, error) {
		p, err := scanPost(row)
		return *p, err
	})
	if err != nil || len(list) <= query.Limit {
		return list, false, readErr(err, "posts of blog %s", query.BlogID)
	}
	return list[:query.Limit], true, nil
}

// condition collects the WHERE clause of a list. Only values that differ from query to
// query are parameters. The others are literals: the planner uses a partial index
// only if the query contains the index's own condition, and joins row by row only if
// it knows that the query wants few rows.
type condition struct {
	sql  strings.Builder
	args []any
}

// where adds a condition, which is a literal of this package with $ for each argument.
func (c *condition) where(sql string, args ...any) {
	joint := "\n\tAND "
	if c.sql.Len() == 0 {
		joint = "\n\tWHERE "
	}
	c.sql.WriteString(joint)
	for _, arg := range args {
		before, after, _ := strings.Cut(sql, "$")
		c.args = append(c.args, arg)
		fmt.Fprintf(&c.sql, "%s$%d", before, len(c.args))
		sql = after
	}
	c.sql.WriteString(sql)
}

// atMost returns the LIMIT clause of a list. It rounds limit up, so that there are few
// different statements to prepare; callers drop the rows over the limit.
func atMost(limit int) string {
	for _, n := range []int{20, 30, 50, 100} {
		if limit <= n {
			limit = n
			break
		}
	}
	return fmt.Sprintf(" LIMIT %d", limit+1)
}

// publishedPosts builds the query of a list in the order of the timeline.
func publishedPosts(q liveblog.PostQuery) (sql string, args []any) {
	var c condition
	tables, of := postTables, "p."
	if q.Tag != "" {
		tables, of = tagTables, "t."
		c.where(`t.tag = $`, q.Tag)
	}
	c.where(of+`blog_id = $`, q.BlogID)
	c.where(`p.status = 'published'`)
	if q.KeyEvent {
		c.where(of + `key_event`)
	}
	if q.AuthorID != nil {
		c.where(`p.author_id = $`, *q.AuthorID)
	}
	order := ` DESC`
	switch {
	case q.Oldest:
		c.where(of+`position > $`, q.After)
		order = ``
	case q.After == 0:
		c.where(of+`position < $`, int64(math.MaxInt64))
	default:
		c.where(of+`position < $`, q.After)
	}
	return `SELECT ` + postColumns + tables + c.sql.String() + ` ORDER BY ` + of + `position` + order + atMost(q.Limit), c.args
}

// unpublishedPosts builds the query of a list of other posts, the last changed first.
func unpublishedPosts(q liveblog.PostQuery) (sql string, args []any) {
	var c condition
	c.where(`p.blog_id = $`, q.BlogID)
	switch q.Status {
	case liveblog.PostDraft:
		c.where(`p.status = 'draft'`)
	case liveblog.PostSubmitted:
		c.where(`p.status = 'submitted'`)
	default:
		c.where(`p.status = 'removed'`)
	}
	if q.KeyEvent {
		c.where(`p.key_event`)
	}
	if q.Tag != "" {
		c.where(`$ = ANY (p.tags)`, q.Tag)
	}
	if q.AuthorID != nil {
		c.where(`p.author_id = $`, *q.AuthorID)
	}
	if !q.Before.IsZero() {
		c.where(`(p.updated_at, p.id) < ($, $)`, q.Before, q.BeforeID)
	}
	return `SELECT ` + postColumns + postTables + c.sql.String() + ` ORDER BY p.updated_at DESC, p.id DESC` + atMost(q.Limit), c.args
}
