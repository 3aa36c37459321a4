package postgres

import (
	"context"
	"errors"
	"fmt"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// postTx is a transaction that changes posts of a blog on behalf of an actor.
type postTx struct {
	tx            pgx.Tx
	by            liveblog.Actor
	renderVersion int // of the HTML that the transaction stores
}

// write runs f in a transaction. After the commit it reports the events that f
// appended.
func (db *BlogStore) write(ctx context.Context, by liveblog.Actor, blogID uuid.UUID, f func(postTx) (liveblog.Written, error)) (liveblog.Written, error) {
	w, err := inTx(ctx, db.core, func(tx pgx.Tx) (liveblog.Written, error) { return f(postTx{tx, by, db.renderVersion}) })
	if err != nil {
		return liveblog.Written{}, err
	}
	db.notifyCommitted(blogID, w.Head)
	return w, nil
}

// notifyCommitted reports to the OnWrite function that a commit appended events up
// to seq; 0 means that it appended none.
func (db *core) notifyCommitted(blogID uuid.UUID, seq int64) {
	if db.synchronous {
		db.replication.confirm(blogID, seq)
	}
	if f := db.onWrite.Load(); f != nil && seq > 0 {
		(*f)(blogID, seq)
	}
}

// CreatePost stores p and, if it is published, its event. p must be normal, valid and
// rendered. If the blog has a post with the same external id, that one is changed
// instead; permit is asked about it. A request whose key was used before returns
// what that request stored, with Replayed set.
func (db *BlogStore) CreatePost(ctx context.Context, a liveblog.Actor, key liveblog.IdempotencyKey, p liveblog.Post, permit liveblog.Permit) (liveblog.Written, error) {
	return db.write(ctx, a, p.BlogID, func(k postTx) (liveblog.Written, error) {
		w, replayed, err := once(ctx, k.tx, a, key, func() (liveblog.Written, error) { return k.create(ctx, p, permit) })
		w.Replayed = replayed
		return w, err
	})
}

func (k postTx) create(ctx context.Context, p liveblog.Post, permit liveblog.Permit) (liveblog.Written, error) {
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
	seq, err := k.store(ctx, &p, eventFor(liveblog.PostDraft, p.Status), k.insertPost)
	if violates(err, "posts_blog_id_external_id_key") {
		return liveblog.Written{}, errAgain
	}
	if err != nil {
		return liveblog.Written{}, err
	}
	return k.finish(ctx, liveblog.Written{Seq: seq, Head: seq, Created: true}, &p, pinIfSet(p.Pinned), "post.create")
}

// overwrite changes the existing post of an upsert by external id. The status of a
// published post stays as it is.
func (k postTx) overwrite(ctx context.Context, old *liveblog.Post, p liveblog.Post, permit liveblog.Permit) (liveblog.Written, error) {
	if old.Status == liveblog.PostRemoved {
		return liveblog.Written{}, liveblog.Errorf(liveblog.ErrConflict, "post_removed", "an editor removed the post with this external_id")
	}
	patch := liveblog.PostPatch{
		Title: &p.Title, Content: &liveblog.Content{Body: p.Body, HTML: p.HTML, Text: p.Text},
		Byline: &p.Byline, Tags: &p.Tags, KeyEvent: &p.KeyEvent, Pinned: pinIfSet(p.Pinned),
	}
	if old.Status != liveblog.PostPublished {
		patch.Status = &p.Status
	}
	return k.edit(ctx, old, patch, permit)
}

// pinIfSet returns the wish to pin a post, or nil, which leaves the pin where it is: a
// request that creates a post cannot ask to unpin one.
func pinIfSet(pinned bool) *bool {
	if !pinned {
		return nil
	}
	return &pinned
}

// EditPost changes a post if its version is ref.Version; 0 means any. permit is asked
// about the post's status before and after the change. A stale version is a
// liveblog.StaleError.
func (db *BlogStore) EditPost(ctx context.Context, a liveblog.Actor, ref liveblog.PostRef, patch liveblog.PostPatch, permit liveblog.Permit) (liveblog.Written, error) {
	return db.write(ctx, a, ref.BlogID, func(k postTx) (liveblog.Written, error) {
		p, err := k.lock(ctx, ref)
		if err != nil {
			return liveblog.Written{}, err
		}
		return k.edit(ctx, p, patch, permit)
	})
}

// edit changes a locked post if permit allows it.
func (k postTx) edit(ctx context.Context, p *liveblog.Post, patch liveblog.PostPatch, permit liveblog.Permit) (liveblog.Written, error) {
	after := p.Status
	if patch.Status != nil {
		after = *patch.Status
	}
	if err := permit(p.Status, after, p.AuthorID); err != nil {
		return liveblog.Written{}, err
	}
	return k.change(ctx, p, patch)
}

// RemovePost hides a post from readers and keeps it for editors. A post that is removed
// already is ErrGone.
func (db *BlogStore) RemovePost(ctx context.Context, a liveblog.Actor, ref liveblog.PostRef, permit liveblog.Permit) (liveblog.Written, error) {
	return db.changeStatus(ctx, a, ref, permit, "post.remove", func(p *liveblog.Post) error {
		if p.Status == liveblog.PostRemoved {
			return liveblog.Errorf(liveblog.ErrGone, "post_removed", "the post was removed already")
		}
		p.Status = liveblog.PostRemoved
		return nil
	})
}

// RestorePost puts a removed post back where it was: into the timeline if it was
// published before, otherwise among the drafts. A post that is not removed is
// ErrConflict; one whose text was erased is ErrGone.
func (db *BlogStore) RestorePost(ctx context.Context, a liveblog.Actor, ref liveblog.PostRef, permit liveblog.Permit) (liveblog.Written, error) {
	return db.changeStatus(ctx, a, ref, permit, "post.restore", func(p *liveblog.Post) error {
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

// changeStatus changes only the status of a post. to sets the new one.
func (db *BlogStore) changeStatus(ctx context.Context, a liveblog.Actor, ref liveblog.PostRef, permit liveblog.Permit, action string, to func(*liveblog.Post) error) (liveblog.Written, error) {
	return db.write(ctx, a, ref.BlogID, func(k postTx) (liveblog.Written, error) {
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

// lock reads a post and locks its row. FOR NO KEY UPDATE does not conflict with the
// check of a foreign key: a transaction that pins the post holds the blog's row and
// must not wait for this one, which waits for that row.
func (k postTx) lock(ctx context.Context, ref liveblog.PostRef) (*liveblog.Post, error) {
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
// nothing, so a feed may send the same post again and again.
func (k postTx) change(ctx context.Context, p *liveblog.Post, patch liveblog.PostPatch) (liveblog.Written, error) {
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

// update stores a changed post as its next version.
func (k postTx) update(ctx context.Context, p *liveblog.Post, event liveblog.EventType, pinned *bool, action string) (liveblog.Written, error) {
	p.Version++
	seq, err := k.store(ctx, p, event, k.updatePost)
	if err != nil {
		return liveblog.Written{}, err
	}
	return k.finish(ctx, liveblog.Written{Seq: seq, Head: seq, Changed: true}, p, pinned, action)
}

// eventFor returns the type of the event that reports a change of status to readers,
// or "" if they see no change.
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

// store writes a post by the statements that write queues and, if readers see the change,
// its event. Nothing else changes posts. All is one batch, since all other publishers
// of the blog wait meanwhile. The event's number is taken first: it is the position of
// a new post in the timeline. It returns the number, or 0.
func (k postTx) store(ctx context.Context, p *liveblog.Post, event liveblog.EventType, write func(*pgx.Batch, *liveblog.Post)) (seq int64, err error) {
	if event != "" {
		if seq, err = k.takeSeq(ctx, p); err != nil {
			return 0, err
		}
	}
	batch := &pgx.Batch{}
	write(batch, p)
	if event != "" {
		appendEvent(batch, liveblog.Event{BlogID: p.BlogID, Seq: seq, Type: event, PostID: &p.ID, Version: p.Version})
	}
	if err := k.tx.SendBatch(ctx, batch).Close(); err != nil {
		return 0, fmt.Errorf("store post %s: %w", p.ID, err)
	}
	return seq, nil
}

// takeSeq takes the number of a post's event, which is the position of a new post. A
// blog that has ended accepts no new posts; corrections of old ones are allowed.
func (k postTx) takeSeq(ctx context.Context, p *liveblog.Post) (int64, error) {
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

// nextSeq takes the next event number of a blog. The row of the blog stays locked
// until the transaction ends, so numbers become visible in order and without gaps.
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

// appendEvent queues the event that nextSeq took a number for, and its link of the
// hash chain (liveblog.Chain), whose head is in the locked row of the blog. Nothing
// else writes events.
func appendEvent(batch *pgx.Batch, ev liveblog.Event) {
	batch.Queue(`
		WITH moment AS MATERIALIZED (SELECT clock_timestamp() AS at),
		head AS (
			UPDATE blogs SET chain = event_chain(chain, $2, $3, $4, $5, at) FROM moment
			WHERE id = $1
			RETURNING chain, at)
		INSERT INTO events (blog_id, seq, type, post_id, version, at, chain)
		SELECT $1, $2, $3, $4, $5, at, chain FROM head`,
		ev.BlogID, ev.Seq, ev.Type, ev.PostID, ev.Version)
}

// announceBlog increases the version of a blog that readers see changed, appends
// its event, and returns the event's number.
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
		return 0, fmt.Errorf("increase version of blog %s: %w", blogID, err)
	}
	batch := &pgx.Batch{}
	appendEvent(batch, liveblog.Event{BlogID: blogID, Seq: seq, Type: liveblog.EventBlog, Version: version})
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return 0, fmt.Errorf("append event %d of blog %s: %w", seq, blogID, err)
	}
	return seq, nil
}

// insertPost queues a new post and its revision.
func (k postTx) insertPost(batch *pgx.Batch, p *liveblog.Post) {
	batch.Queue(`
		INSERT INTO posts (id, blog_id, status, version, position, title, body, html, text, byline, tags,
			key_event, external_id, author_id, render_version, published_at)
		VALUES ($1, $2, $3, $4, nullif($5, 0), $6, $7, $8, $9, $10, $11, $12, nullif($13, ''), $14, $15,
			CASE WHEN $3 = 'published' THEN now() END)`,
		p.ID, p.BlogID, p.Status, p.Version, p.Position, p.Title, p.Body, p.HTML, p.Text, p.Byline, p.Tags,
		p.KeyEvent, p.ExternalID, p.AuthorID, k.renderVersion)
	k.insertRevision(batch, p)
}

// updatePost queues the next version of a post and its revision. HTML that is another one
// than before was rendered for this change.
func (k postTx) updatePost(batch *pgx.Batch, p *liveblog.Post) {
	batch.Queue(`
		UPDATE posts SET status = $2, version = $3, position = nullif($4, 0), title = $5, body = $6, html = $7,
			text = $8, byline = $9, tags = $10, key_event = $11, updated_at = now(),
			render_version = CASE WHEN html = $7 AND text = $8 THEN render_version ELSE $12 END,
			published_at = CASE WHEN $2 = 'published' THEN coalesce(published_at, now()) ELSE published_at END,
			edited_at = CASE WHEN status = 'published' AND $2 = 'published' THEN now() ELSE edited_at END
		WHERE id = $1`,
		p.ID, p.Status, p.Version, p.Position, p.Title, p.Body, p.HTML,
		p.Text, p.Byline, p.Tags, p.KeyEvent, k.renderVersion)
	k.insertRevision(batch, p)
}

// finish completes a change: it moves the pin, writes the audit row, and reads the post
// as it is now into the result.
func (k postTx) finish(ctx context.Context, w liveblog.Written, p *liveblog.Post, pinned *bool, action string) (liveblog.Written, error) {
	pinSeq, err := k.pin(ctx, p, pinned)
	if err != nil {
		return w, fmt.Errorf("pin post %s: %w", p.ID, err)
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

// pin moves the blog's pin to p or away from it, as wanted. nil leaves it, but a post
// that is not published loses the pin. It returns the number of the event, or 0.
func (k postTx) pin(ctx context.Context, p *liveblog.Post, wanted *bool) (int64, error) {
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
