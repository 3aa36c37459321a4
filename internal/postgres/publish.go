package postgres

import (
	"context"
	"errors"
	"fmt"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// work is one transaction that changes posts on behalf of somebody.
type work struct {
	tx pgx.Tx
	by liveblog.Actor
}

// write runs f in a transaction and tells of the events that it appended.
func (db *DB) write(ctx context.Context, by liveblog.Actor, blogID uuid.UUID, f func(work) (liveblog.Written, error)) (w liveblog.Written, err error) {
	err = db.tx(ctx, func(tx pgx.Tx) error {
		w, err = f(work{tx, by})
		return err
	})
	if err != nil {
		return liveblog.Written{}, err
	}
	db.wrote(blogID, w.Head)
	return w, nil
}

// CreatePost stores p and, when it is published, the event that announces it.
// A post with an external id that the blog has already is changed instead, if
// permit, which is asked about that post, lets it. p is normal, valid and rendered.
func (db *DB) CreatePost(ctx context.Context, a liveblog.Actor, key liveblog.IdempotencyKey, p liveblog.Post, permit liveblog.Permit) (liveblog.Written, error) {
	return db.write(ctx, a, p.BlogID, func(k work) (liveblog.Written, error) {
		w, replayed, err := once(ctx, k.tx, a, key, func() (liveblog.Written, error) { return k.create(ctx, p, permit) })
		w.Replayed = replayed
		return w, err
	})
}

func (k work) create(ctx context.Context, p liveblog.Post, permit liveblog.Permit) (liveblog.Written, error) {
	if p.ExternalID != "" {
		old, err := postWhere(ctx, k.tx, `p.blog_id = $1 AND p.external_id = $2 FOR NO KEY UPDATE OF p`, p.BlogID, p.ExternalID)
		if err == nil {
			return k.overwrite(ctx, old, p, permit)
		}
		if !errors.Is(err, liveblog.ErrNotFound) {
			return liveblog.Written{}, err
		}
	}
	p.ID, p.Version = uuid.Must(uuid.NewV7()), 1
	seq, err := k.store(ctx, &p, eventFor(liveblog.PostDraft, p.Status), insertPost)
	if violates(err, "posts_blog_id_external_id_key") {
		return liveblog.Written{}, errAgain
	}
	if err != nil {
		return liveblog.Written{}, err
	}
	return k.finish(ctx, liveblog.Written{Seq: seq, Head: seq, Created: true}, &p, pinWanted(p.Pinned), "post.create")
}

// overwrite is what an upsert by external id does to a post that is there.
func (k work) overwrite(ctx context.Context, old *liveblog.Post, p liveblog.Post, permit liveblog.Permit) (liveblog.Written, error) {
	if old.Status == liveblog.PostRemoved {
		return liveblog.Written{}, liveblog.Errorf(liveblog.ErrConflict, "post_removed", "an editor removed the post with this external_id")
	}
	patch := liveblog.PostPatch{
		Title: &p.Title, Content: &liveblog.Content{Body: p.Body, HTML: p.HTML, Text: p.Text},
		Byline: &p.Byline, Tags: &p.Tags, KeyEvent: &p.KeyEvent, Pinned: pinWanted(p.Pinned),
	}
	if old.Status != liveblog.PostPublished {
		patch.Status = &p.Status
	}
	return k.edit(ctx, old, patch, permit)
}

// pinWanted makes an upsert that says nothing of the pin leave it alone.
func pinWanted(pinned bool) *bool {
	if !pinned {
		return nil
	}
	return &pinned
}

// EditPost changes a post. version is the one the editor saw, 0 is any; permit
// is asked about the post as it is and as it would be.
func (db *DB) EditPost(ctx context.Context, a liveblog.Actor, ref liveblog.PostRef, patch liveblog.PostPatch, permit liveblog.Permit) (liveblog.Written, error) {
	return db.write(ctx, a, ref.BlogID, func(k work) (liveblog.Written, error) {
		p, err := k.lock(ctx, ref)
		if err != nil {
			return liveblog.Written{}, err
		}
		return k.edit(ctx, p, patch, permit)
	})
}

// edit changes a locked post if permit lets it.
func (k work) edit(ctx context.Context, p *liveblog.Post, patch liveblog.PostPatch, permit liveblog.Permit) (liveblog.Written, error) {
	after := p.Status
	if patch.Status != nil {
		after = *patch.Status
	}
	if err := permit(p.Status, after, p.AuthorID); err != nil {
		return liveblog.Written{}, err
	}
	return k.change(ctx, p, patch)
}

// RemovePost takes a post away from readers and keeps it for editors.
func (db *DB) RemovePost(ctx context.Context, a liveblog.Actor, ref liveblog.PostRef, permit liveblog.Permit) (liveblog.Written, error) {
	return db.restate(ctx, a, ref, permit, "post.remove", func(p *liveblog.Post) error {
		if p.Status == liveblog.PostRemoved {
			return liveblog.Errorf(liveblog.ErrGone, "post_removed", "the post was removed already")
		}
		p.Status = liveblog.PostRemoved
		return nil
	})
}

// RestorePost brings a removed post back to where it was: into the timeline if
// it was published before, else among the drafts.
func (db *DB) RestorePost(ctx context.Context, a liveblog.Actor, ref liveblog.PostRef, permit liveblog.Permit) (liveblog.Written, error) {
	return db.restate(ctx, a, ref, permit, "post.restore", func(p *liveblog.Post) error {
		if p.Status != liveblog.PostRemoved {
			return liveblog.Errorf(liveblog.ErrConflict, "not_removed", "the post is not removed")
		}
		if p.Title == "" && p.Body == "" { // no post is stored without both
			return errErased
		}
		p.Status = liveblog.PostDraft
		if p.Position > 0 {
			p.Status = liveblog.PostPublished
		}
		return nil
	})
}

// restate changes nothing but a post's status.
func (db *DB) restate(ctx context.Context, a liveblog.Actor, ref liveblog.PostRef, permit liveblog.Permit, action string, to func(*liveblog.Post) error) (liveblog.Written, error) {
	return db.write(ctx, a, ref.BlogID, func(k work) (liveblog.Written, error) {
		p, err := k.lock(ctx, ref)
		if err != nil {
			return liveblog.Written{}, err
		}
		before := p.Status
		if err := to(p); err != nil {
			return liveblog.Written{}, err
		}
		if err := permit(before, p.Status, p.AuthorID); err != nil {
			return liveblog.Written{}, err
		}
		return k.update(ctx, p, eventFor(before, p.Status), nil, action)
	})
}

// lock reads a post for a change. It leaves references to the post alone: a
// pin, which holds the blog's row, must not wait for an edit, which wants it.
func (k work) lock(ctx context.Context, ref liveblog.PostRef) (*liveblog.Post, error) {
	p, err := postWhere(ctx, k.tx, `p.id = $1 AND p.blog_id = $2 FOR NO KEY UPDATE OF p`, ref.ID, ref.BlogID)
	if err != nil {
		return nil, err
	}
	if ref.Version != 0 && ref.Version != p.Version {
		return nil, liveblog.PostVersionError(p)
	}
	return p, nil
}

// change applies a patch to a locked post. A patch that changes nothing stores
// nothing, so that a feed may repeat itself.
func (k work) change(ctx context.Context, p *liveblog.Post, patch liveblog.PostPatch) (liveblog.Written, error) {
	before := p.Status
	changed := patch.Apply(p)
	if err := before.To(p.Status); err != nil {
		return liveblog.Written{}, err
	}
	if err := p.Validate(); err != nil {
		return liveblog.Written{}, err
	}
	if !changed {
		return k.finish(ctx, liveblog.Written{}, p, patch.Pinned, "post.pin")
	}
	return k.update(ctx, p, eventFor(before, p.Status), patch.Pinned, "post.edit")
}

func (k work) update(ctx context.Context, p *liveblog.Post, event liveblog.EventType, pinned *bool, action string) (liveblog.Written, error) {
	p.Version++
	seq, err := k.store(ctx, p, event, updatePost)
	if err != nil {
		return liveblog.Written{}, err
	}
	return k.finish(ctx, liveblog.Written{Seq: seq, Head: seq, Changed: true}, p, pinned, action)
}

// eventFor is what a change of status means to readers; "" is nothing.
func eventFor(before, after liveblog.PostStatus) liveblog.EventType {
	switch was, is := before == liveblog.PostPublished, after == liveblog.PostPublished; {
	case was && is:
		return liveblog.EventUpdate
	case is:
		return liveblog.EventPost
	case was:
		return liveblog.EventDelete
	default:
		return ""
	}
}

// store writes a post, its revision and, where readers see the change, its
// event, in one round trip: all others who publish in the blog wait for it. The
// event's number comes first: it is a new post's place in the timeline.
func (k work) store(ctx context.Context, p *liveblog.Post, event liveblog.EventType, write func(*pgx.Batch, *liveblog.Post)) (seq int64, err error) {
	batch := &pgx.Batch{}
	if event != "" {
		if seq, err = k.place(ctx, p); err != nil {
			return 0, err
		}
	}
	write(batch, p)
	k.insertRevision(batch, p)
	if event != "" {
		appendEvent(batch, liveblog.Event{BlogID: p.BlogID, Seq: seq, Type: event, PostID: &p.ID, Version: p.Version})
	}
	if err := k.tx.SendBatch(ctx, batch).Close(); err != nil {
		return 0, fmt.Errorf("store post %s: %w", p.ID, err)
	}
	return seq, nil
}

// place takes the event's number. A blog that has ended takes no new posts;
// corrections of old ones go on.
func (k work) place(ctx context.Context, p *liveblog.Post) (int64, error) {
	seq, status, err := nextSeq(ctx, k.tx, p.BlogID)
	if err != nil || p.Position > 0 {
		return seq, err
	}
	if status == liveblog.BlogEnded {
		return 0, liveblog.Errorf(liveblog.ErrConflict, "blog_ended", "the blog has ended; reopen it to publish")
	}
	p.Position = seq
	return seq, nil
}

func insertPost(batch *pgx.Batch, p *liveblog.Post) {
	batch.Queue(`
		INSERT INTO posts (id, blog_id, status, version, position, title, body, html, text, byline, tags,
			key_event, external_id, author_id, published_at)
		VALUES ($1, $2, $3, $4, nullif($5, 0), $6, $7, $8, $9, $10, $11, $12, nullif($13, ''), $14,
			CASE WHEN $3 = 'published' THEN now() END)`,
		p.ID, p.BlogID, p.Status, p.Version, p.Position, p.Title, p.Body, p.HTML, p.Text, p.Byline, p.Tags,
		p.KeyEvent, p.ExternalID, p.AuthorID)
}

func updatePost(batch *pgx.Batch, p *liveblog.Post) {
	batch.Queue(`
		UPDATE posts SET status = $2, version = $3, position = nullif($4, 0), title = $5, body = $6, html = $7,
			text = $8, byline = $9, tags = $10, key_event = $11, updated_at = now(),
			published_at = CASE WHEN $2 = 'published' THEN coalesce(published_at, now()) ELSE published_at END,
			edited_at = CASE WHEN status = 'published' AND $2 = 'published' THEN now() ELSE edited_at END
		WHERE id = $1`,
		p.ID, p.Status, p.Version, p.Position, p.Title, p.Body, p.HTML,
		p.Text, p.Byline, p.Tags, p.KeyEvent)
}

// finish ends a change: the pin, the audit row, and the post as it is now.
func (k work) finish(ctx context.Context, w liveblog.Written, p *liveblog.Post, pinned *bool, action string) (liveblog.Written, error) {
	pinSeq, err := k.pin(ctx, p, pinned)
	if err != nil {
		return w, err
	}
	w.Head = max(w.Head, pinSeq)
	batch := &pgx.Batch{}
	if w.Created || w.Changed {
		detail := map[string]any{"version": p.Version, "status": p.Status, "seq": w.Seq}
		queueAudit(batch, k.by, action, p.ID.String(), detail)
	}
	queuePost(batch, &w.Post, p.ID)
	if err := k.tx.SendBatch(ctx, batch).Close(); err != nil {
		return w, fmt.Errorf("finish post %s: %w", p.ID, err)
	}
	return w, nil
}

// pin moves the blog's pin to p or away from it, as wanted; an unpublished
// post keeps no pin.
func (k work) pin(ctx context.Context, p *liveblog.Post, wanted *bool) (int64, error) {
	published := p.Status == liveblog.PostPublished
	switch {
	case published && wanted != nil && *wanted:
		return pin(ctx, k.tx, k.by, p.BlogID, &p.ID)
	case p.Pinned && (!published || wanted != nil && !*wanted):
		return pin(ctx, k.tx, k.by, p.BlogID, nil)
	default:
		return 0, nil
	}
}
