package postgres

import (
	"context"
	"errors"
	"fmt"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// EventsAfter returns the events of a blog with seq > after in their order, each with
// the current content of its post or blog. There are at most limit of them, fewer
// where their texts are long, and at least one if the log has one. Everything is
// read in one snapshot, so the content of each event is there whatever is pruned
// meanwhile.
func (db *EventStore) EventsAfter(ctx context.Context, blogID uuid.UUID, after int64, limit int) ([]liveblog.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	r := logPage{posts: map[uuid.UUID]*liveblog.Post{}, head: liveblog.Head{BlogID: blogID}}
	batch := &pgx.Batch{}
	batch.Queue(`BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY`)
	db.queueEvents(batch, &r, after, limit)
	r.queuePosts(batch, after, limit)
	r.queueBlog(batch, after, limit)
	batch.Queue(`COMMIT`)
	if err := db.eventPool.SendBatch(ctx, batch).Close(); err != nil {
		return nil, readErr(err, "events of blog %s after %d", blogID, after)
	}
	if err := r.join(); err != nil {
		return nil, err
	}
	return r.events, db.ensureConfirmed(ctx, r.head)
}

// logPage is a page of the log, with the content of its events.
type logPage struct {
	head   liveblog.Head // only its blog and LastSeq
	events []liveblog.Event
	posts  map[uuid.UUID]*liveblog.Post
	blog   *liveblog.Blog // nil if no event is about the blog itself
	pinned *liveblog.Post
}

// join attaches its content to each event. An event without content is an error: sent
// as a removal, it would make clients remove a post that is published.
func (r *logPage) join() error {
	for i := range r.events {
		ev := &r.events[i]
		if ev.Type == liveblog.EventBlog {
			ev.Blog, ev.Pinned = r.blog, r.pinned
		} else if ev.PostID != nil {
			ev.Post = r.posts[*ev.PostID]
		}
		if ev.Post == nil && ev.Blog == nil {
			return fmt.Errorf("blog %s: what event %d is about is missing", ev.BlogID, ev.Seq)
		}
	}
	return nil
}

// pageBytes bounds the text of a page of the log, in bytes. It is a little more than
// what is sent at a time.
const pageBytes = 512 << 10

// pageOfLog selects the first $3 events of blog $1 after $2. It ends with the event
// before which the texts add up to more than $4 bytes. PostgreSQL knows the size of
// a text without reading it.
const pageOfLog = `(
	SELECT * FROM (
		SELECT e.*, sum(octet_length(p.body) + octet_length(p.html) + octet_length(p.text))
			OVER (ORDER BY e.seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
		FROM (
			SELECT blog_id, seq, type, post_id, version, at, chain, tableoid AS of FROM events
			WHERE blog_id = $1 AND seq > $2
			ORDER BY seq
			LIMIT $3) e
		LEFT JOIN posts p ON p.id = e.post_id) e
	WHERE coalesce(before, 0) <= $4)`

func (db *EventStore) queueEvents(batch *pgx.Batch, into *logPage, after int64, limit int) {
	batch.Queue(`
		SELECT b.slug, b.last_seq, e.seq, e.type, e.post_id, e.version, e.at, encode(e.chain, 'hex'), e.of
		FROM `+pageOfLog+` e JOIN blogs b ON b.id = e.blog_id
		ORDER BY e.seq`, into.head.BlogID, after, limit, pageBytes).Query(func(rows pgx.Rows) (err error) {
		into.events, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (liveblog.Event, error) {
			ev := liveblog.Event{BlogID: into.head.BlogID}
			var table uint32
			err := row.Scan(&ev.Slug, &into.head.LastSeq, &ev.Seq, &ev.Type, &ev.PostID, &ev.Version, &ev.At, &ev.Chain, &table)
			if err == nil && !db.guard.allowsTable(table) {
				err = errWrongCluster
			}
			return ev, err
		})
		return err
	})
}

func (r *logPage) queuePosts(batch *pgx.Batch, after int64, limit int) {
	batch.Queue(`
		SELECT `+postColumns+postTables+`
		WHERE p.id IN (SELECT post_id FROM `+pageOfLog+` e)`, r.head.BlogID, after, limit, pageBytes).Query(func(rows pgx.Rows) error {
		posts, err := pgx.CollectRows(rows, scanPost)
		for _, p := range posts {
			r.posts[p.ID] = p
		}
		return err
	})
}

// hasBlogEvent is true for a page of the log with an event about the blog itself.
const hasBlogEvent = `
	AND EXISTS (SELECT FROM (
		SELECT type FROM events WHERE blog_id = $1 AND seq > $2 ORDER BY seq LIMIT $3) page WHERE type = 'blog')`

// queueBlog reads the blog and its pinned post if an event is about the blog.
func (r *logPage) queueBlog(batch *pgx.Batch, after int64, limit int) {
	batch.Queue(`SELECT `+blogColumns+` FROM blogs WHERE id = $1`+hasBlogEvent, r.head.BlogID, after, limit).
		Query(func(rows pgx.Rows) (err error) {
			r.blog, err = oneOrNone(rows, scanBlog)
			return err
		})
	batch.Queue(`SELECT `+postColumns+postTables+` WHERE b.id = $1 AND p.id = b.pinned_post_id`+hasBlogEvent, r.head.BlogID, after, limit).
		Query(func(rows pgx.Rows) (err error) {
			r.pinned, err = oneOrNone(rows, scanPost)
			return err
		})
}

// oneOrNone returns the only row, or nil if there is none.
func oneOrNone[T any](rows pgx.Rows, scan func(pgx.CollectableRow) (*T, error)) (*T, error) {
	one, err := pgx.CollectExactlyOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return one, err
}

// Heads returns where the logs of these blogs end. With synchronous replication it is
// ErrUnavailable while the standby has not confirmed them that far.
func (db *EventStore) Heads(ctx context.Context, blogIDs []uuid.UUID) ([]liveblog.Head, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	rows, err := db.eventPool.Query(ctx, `
		SELECT id, epoch, last_seq, low_seq, status, encode(chain, 'hex'), 'events'::regclass::oid
		FROM blogs WHERE id = ANY($1)`, blogIDs)
	if err != nil {
		return nil, readErr(err, "heads of %d blogs", len(blogIDs))
	}
	heads, err := pgx.CollectRows(rows, db.scanHead)
	if err != nil {
		return nil, readErr(err, "heads of %d blogs", len(blogIDs))
	}
	for _, h := range heads {
		db.replication.enterEpoch(h.BlogID, h.Epoch)
	}
	return heads, db.ensureConfirmed(ctx, heads...)
}

func (db *EventStore) scanHead(row pgx.CollectableRow) (h liveblog.Head, err error) {
	var table uint32
	err = row.Scan(&h.BlogID, &h.Epoch, &h.LastSeq, &h.LowSeq, &h.Status, &h.Chain, &table)
	if err == nil && !db.guard.allowsTable(table) {
		err = errWrongCluster
	}
	return h, err
}
