package postgres

import (
	"context"
	"errors"
	"fmt"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// nextSeq takes the blog's next event number and locks the blog's row until the
// transaction ends, so that numbers become visible in order and without gaps.
func nextSeq(ctx context.Context, tx pgx.Tx, blogID uuid.UUID) (seq int64, status liveblog.BlogStatus, err error) {
	err = tx.QueryRow(ctx, `
		UPDATE blogs SET last_seq = last_seq + 1
		WHERE id = $1
		RETURNING last_seq, status`, blogID).Scan(&seq, &status)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, "", fmt.Errorf("blog %s: %w", blogID, liveblog.ErrNotFound)
	}
	return seq, status, err
}

// appendEvent writes the event that nextSeq took a number for. Nothing else
// writes events. The database gives it its chain, from that of the blog's row,
// which is locked (migrations/0002_chain.sql).
func appendEvent(batch *pgx.Batch, ev liveblog.Event) {
	batch.Queue(`
		INSERT INTO events (blog_id, seq, type, post_id, version)
		VALUES ($1, $2, $3, $4, $5)`,
		ev.BlogID, ev.Seq, ev.Type, ev.PostID, ev.Version)
}

// announceBlog counts a visible change of the blog itself and appends its event.
func announceBlog(ctx context.Context, tx pgx.Tx, blogID uuid.UUID) (int64, error) {
	seq, _, err := nextSeq(ctx, tx, blogID)
	if err != nil {
		return 0, err
	}
	var version int64
	err = tx.QueryRow(ctx, `
		UPDATE blogs SET version = version + 1, updated_at = now()
		WHERE id = $1
		RETURNING version`, blogID).Scan(&version)
	if err != nil {
		return 0, fmt.Errorf("blog version: %w", err)
	}
	batch := &pgx.Batch{}
	appendEvent(batch, liveblog.Event{BlogID: blogID, Seq: seq, Type: liveblog.EventBlog, Version: version})
	return seq, tx.SendBatch(ctx, batch).Close()
}

// EventsAfter returns up to limit events of a blog with seq > after, in order,
// each with the current content of what it is about.
//
// The posts are read after the events and by the same condition, so a post may
// be newer than its event, and none is missing: the log only grows.
func (db *DB) EventsAfter(ctx context.Context, blogID uuid.UUID, after int64, limit int) ([]liveblog.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var events []liveblog.Event
	posts := map[uuid.UUID]*liveblog.Post{}
	batch := &pgx.Batch{}
	db.queueEvents(batch, &events, blogID, after, limit)
	queuePostsOfEvents(batch, posts, blogID, after, limit)
	if err := db.logPool.SendBatch(ctx, batch).Close(); err != nil {
		return nil, readErr(err, "events")
	}
	for i := range events {
		if id := events[i].PostID; id != nil {
			events[i].Post = posts[*id]
		}
	}
	if err := db.addBlogs(ctx, blogID, events); err != nil {
		return nil, err
	}
	return events, db.settleBlog(ctx, blogID)
}

func (db *DB) queueEvents(batch *pgx.Batch, into *[]liveblog.Event, blogID uuid.UUID, after int64, limit int) {
	batch.Queue(`
		SELECT b.slug, e.seq, e.type, e.post_id, e.version, e.at, encode(e.chain, 'hex'), e.tableoid
		FROM events e JOIN blogs b ON b.id = e.blog_id
		WHERE e.blog_id = $1 AND e.seq > $2
		ORDER BY e.seq
		LIMIT $3`, blogID, after, limit).Query(func(rows pgx.Rows) (err error) {
		*into, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (liveblog.Event, error) {
			ev := liveblog.Event{BlogID: blogID}
			var table uint32
			err := row.Scan(&ev.Slug, &ev.Seq, &ev.Type, &ev.PostID, &ev.Version, &ev.At, &ev.Chain, &table)
			if err == nil && !db.fence.metTable(table) {
				err = errStranger
			}
			return ev, err
		})
		return err
	})
}

func queuePostsOfEvents(batch *pgx.Batch, into map[uuid.UUID]*liveblog.Post, blogID uuid.UUID, after int64, limit int) {
	batch.Queue(`
		SELECT `+postColumns+postTables+`
		WHERE p.id IN (
			SELECT post_id FROM events
			WHERE blog_id = $1 AND seq > $2
			ORDER BY seq
			LIMIT $3)`, blogID, after, limit).Query(func(rows pgx.Rows) error {
		posts, err := pgx.CollectRows(rows, scanPost)
		for _, p := range posts {
			into[p.ID] = p
		}
		return err
	})
}

// addBlogs gives the events about the blog itself its current content.
func (db *DB) addBlogs(ctx context.Context, blogID uuid.UUID, events []liveblog.Event) error {
	var blog *liveblog.Blog
	var pinned *liveblog.Post
	for i := range events {
		if events[i].Type != liveblog.EventBlog {
			continue
		}
		if blog == nil {
			var err error
			if blog, pinned, err = blogAndPinned(ctx, &db.logPool, blogID); err != nil {
				return err
			}
		}
		events[i].Blog, events[i].Pinned = blog, pinned
	}
	return nil
}

func blogAndPinned(ctx context.Context, q querier, blogID uuid.UUID) (*liveblog.Blog, *liveblog.Post, error) {
	blog, err := blogWhere(ctx, q, `id = $1`, blogID)
	if err != nil || blog.PinnedPostID == nil {
		return blog, nil, err
	}
	pinned, err := postWhere(ctx, q, `p.id = $1`, *blog.PinnedPostID)
	return blog, pinned, err
}

// Heads tells how far the logs of these blogs go. With synchronous replication
// it fails while the standby has not confirmed as much.
func (db *DB) Heads(ctx context.Context, blogIDs []uuid.UUID) ([]liveblog.Head, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	rows, err := db.logPool.Query(ctx, `
		SELECT id, epoch, last_seq, low_seq, status, encode(chain, 'hex'), 'events'::regclass::oid
		FROM blogs WHERE id = ANY($1)`, blogIDs)
	if err != nil {
		return nil, readErr(err, "heads")
	}
	heads, err := pgx.CollectRows(rows, db.scanHead)
	if err != nil {
		return nil, readErr(err, "heads")
	}
	return heads, db.settle(ctx, heads...)
}

func (db *DB) scanHead(row pgx.CollectableRow) (h liveblog.Head, err error) {
	var table uint32
	err = row.Scan(&h.BlogID, &h.Epoch, &h.LastSeq, &h.LowSeq, &h.Status, &h.Chain, &table)
	if err == nil && !db.fence.metTable(table) {
		err = errStranger
	}
	return h, err
}
