package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Pace of RenderAnew. It bounds the events that readers receive to ten a second, and
// the work for texts whose HTML stays the same to a hundred a second.
const (
	renderBatch      = 100                    // texts that are read at a time
	renderBatchPause = time.Second            // after each batch
	renderPause      = 100 * time.Millisecond // after each text that changed
	renderLimit      = 5 * time.Minute        // of one call; the next one continues
)

// Render converts Markdown to the HTML and the plain text that readers receive. An
// error that is ErrInvalid means that this renderer does not accept the text; any other
// one means that rendering may succeed later.
type Render func(ctx context.Context, markdown string) (html, text string, err error)

// outdated is the text of a post, or the summary of a blog, with the HTML that an older
// renderer made of it.
type outdated struct {
	ID, BlogID uuid.UUID // of the post and its blog; a summary has the blog in both
	Version    int64     // of the post or the blog
	Markdown   string
	HTML, Text string
}

// RenderAnew renders the posts and summaries anew whose HTML is of an older version of the
// renderer than Config.RenderVersion. If the result is the same, it stores only the
// version of the renderer. Otherwise it stores the result, for a published post as its
// next version together with the update event. The times of a post stay, and it gets no
// revision, since no editor changed its text. A text that is edited meanwhile is left to
// the editor. A text that cannot be rendered keeps its HTML and is not tried again by
// this version of the renderer.
//
// It ends after renderLimit at the latest. It is to run on one node at a time, see
// Upkeep. It returns how many texts got other HTML.
func (db *UpkeepStore) RenderAnew(ctx context.Context, by liveblog.Actor, render Render) (changed int, err error) {
	end := time.Now().Add(renderLimit)
	for _, kind := range []renderedKind{db.postRendering(by), db.summaryRendering(by)} {
		n, err := db.renderKind(ctx, kind, render, end)
		changed += n
		if err != nil {
			return changed, fmt.Errorf("render %s anew for version %d: %w", kind.name, db.renderVersion, err)
		}
	}
	return changed, nil
}

// renderedKind is a table that holds rendered texts.
type renderedKind struct {
	name   string
	find   string // selects at most $2 outdated texts of a version below $1
	settle string // stores version $1 beside the unchanged HTML of the texts $2 in the versions $3
	// store stores other HTML of a text. It reports whether it did: it does not if the
	// text has been edited since it was read.
	store func(ctx context.Context, o outdated, html, text string) (stored bool, err error)
}

func (db *UpkeepStore) postRendering(by liveblog.Actor) renderedKind {
	return renderedKind{
		name: "posts",
		find: `
			SELECT id, blog_id, version, body, html, text FROM posts
			WHERE render_version < $1 ORDER BY render_version, id LIMIT $2`,
		settle: `
			UPDATE posts p SET render_version = $1 FROM unnest($2::uuid[], $3::bigint[]) AS r(id, version)
			WHERE p.id = r.id AND p.version = r.version`,
		store: func(ctx context.Context, o outdated, html, text string) (bool, error) {
			w, err := db.blogs.write(ctx, by, o.BlogID, func(k postTx) (liveblog.Written, error) { return k.renderAnew(ctx, o, html, text) })
			return w.Changed, err
		},
	}
}

func (db *UpkeepStore) summaryRendering(by liveblog.Actor) renderedKind {
	return renderedKind{
		name: "summaries",
		find: `
			SELECT id, id, version, summary, summary_html, '' FROM blogs
			WHERE summary_render_version < $1 ORDER BY summary_render_version, id LIMIT $2`,
		settle: `
			UPDATE blogs b SET summary_render_version = $1 FROM unnest($2::uuid[], $3::bigint[]) AS r(id, version)
			WHERE b.id = r.id AND b.version = r.version`,
		store: func(ctx context.Context, o outdated, html, _ string) (bool, error) {
			blog, err := db.blogs.changeBlog(ctx, o.ID, func(tx pgx.Tx) (blogChange, error) { return db.renderSummaryAnew(ctx, tx, by, o, html) })
			return blog != nil, err
		},
	}
}

// renderKind renders the outdated texts of a table, batch by batch.
func (db *UpkeepStore) renderKind(ctx context.Context, kind renderedKind, render Render, end time.Time) (changed int, err error) {
	for n := renderBatch; n == renderBatch && time.Now().Before(end) && ctx.Err() == nil; {
		batch, err := db.findOutdated(ctx, kind)
		if err != nil {
			return changed, err
		}
		var unchanged []outdated
		for _, o := range batch {
			stored, err := renderOne(ctx, kind, o, render)
			switch {
			case err != nil && !errors.Is(err, liveblog.ErrInvalid):
				return changed, err
			case err != nil:
				slog.WarnContext(ctx, "a text can't be rendered anew; it keeps its HTML", "kind", kind.name, "id", o.ID, "error", err)
				unchanged = append(unchanged, o)
			case stored == htmlSame:
				unchanged = append(unchanged, o)
			case stored == htmlStored:
				changed++
				sleep(ctx, renderPause)
			}
		}
		if err := db.settleRendering(ctx, kind, unchanged); err != nil {
			return changed, err
		}
		if n = len(batch); n == renderBatch {
			sleep(ctx, renderBatchPause)
		}
	}
	return changed, nil
}

// Outcomes of renderOne.
type rendering int

const (
	htmlSame   rendering = iota // rendering gave the HTML that the text has
	htmlStored                  // it gave other HTML, which is stored now
	textEdited                  // it gave other HTML, but the text was edited meanwhile
)

// renderOne renders a text, outside of a transaction, and stores the result if it is
// another one. A panic of the renderer counts as ErrInvalid, since a text that causes
// one must not end the node again and again.
func renderOne(ctx context.Context, kind renderedKind, o outdated, render Render) (_ rendering, err error) {
	html, text, err := func() (html, text string, err error) {
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("%w: panic: %v", liveblog.ErrInvalid, r)
			}
		}()
		return render(ctx, o.Markdown)
	}()
	if err != nil {
		return htmlSame, fmt.Errorf("%s: %w", o.ID, err)
	}
	if kind.name == "summaries" {
		text = o.Text // a summary has no plain text
	}
	if html == o.HTML && text == o.Text {
		return htmlSame, nil
	}
	stored, err := kind.store(ctx, o, html, text)
	if err != nil {
		return htmlSame, fmt.Errorf("%s: %w", o.ID, err)
	}
	if !stored {
		return textEdited, nil
	}
	return htmlStored, nil
}

func (db *UpkeepStore) findOutdated(ctx context.Context, kind renderedKind) ([]outdated, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	rows, err := db.readPool.Query(ctx, kind.find, db.renderVersion, renderBatch)
	if err != nil {
		return nil, readErr(err, "outdated %s", kind.name)
	}
	batch, err := pgx.CollectRows(rows, pgx.RowToStructByPos[outdated])
	return batch, readErr(err, "outdated %s", kind.name)
}

// settleRendering stores that this version of the renderer gives the HTML that these
// texts have. It leaves out texts that were edited meanwhile.
func (db *UpkeepStore) settleRendering(ctx context.Context, kind renderedKind, texts []outdated) error {
	if len(texts) == 0 {
		return nil
	}
	ids, versions := make([]uuid.UUID, len(texts)), make([]int64, len(texts))
	for i, o := range texts {
		ids[i], versions[i] = o.ID, o.Version
	}
	return db.tx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, kind.settle, db.renderVersion, ids, versions)
		return err
	})
}

// renderAnew stores other HTML of a post. The body is compared too: the text of a removed
// post may have been erased, which leaves the version as it is.
func (k postTx) renderAnew(ctx context.Context, o outdated, html, text string) (w liveblog.Written, err error) {
	p, err := k.lock(ctx, liveblog.PostRef{BlogID: o.BlogID, ID: o.ID})
	if err != nil {
		return w, err
	}
	if p.Version != o.Version || p.Body != o.Markdown {
		return w, nil
	}
	p.HTML, p.Text = html, text
	event := eventFor(p.Status, p.Status)
	if event != "" {
		p.Version++
	}
	seq, err := k.store(ctx, p, event, k.updateRendering)
	return liveblog.Written{Seq: seq, Head: seq, Changed: true}, err
}

// updateRendering queues the HTML and the plain text of a post, and its version, which
// has no revision.
func (k postTx) updateRendering(batch *pgx.Batch, p *liveblog.Post) {
	batch.Queue(`UPDATE posts SET html = $2, text = $3, version = $4, render_version = $5 WHERE id = $1`,
		p.ID, p.HTML, p.Text, p.Version, k.renderVersion)
	queueAudit(batch, k.by, "post.render", p.ID.String(), map[string]any{"version": p.Version, "render_version": k.renderVersion})
}

// renderSummaryAnew stores other HTML of a blog's summary, with the event of the blog.
func (db *UpkeepStore) renderSummaryAnew(ctx context.Context, tx pgx.Tx, by liveblog.Actor, o outdated, html string) (blogChange, error) {
	blog, err := blogWhere(ctx, tx, `id = $1 FOR NO KEY UPDATE`, o.ID)
	if err != nil || blog.Version != o.Version || blog.Summary != o.Markdown {
		return blogChange{}, err
	}
	_, err = tx.Exec(ctx, `UPDATE blogs SET summary_html = $2, summary_render_version = $3 WHERE id = $1`, o.ID, html, db.renderVersion)
	if err != nil {
		return blogChange{}, err
	}
	seq, err := announceBlog(ctx, tx, o.ID)
	if err != nil {
		return blogChange{}, err
	}
	return blogChange{blog, seq}, audit(ctx, tx, by, "blog.render", o.ID.String(), map[string]any{"render_version": db.renderVersion})
}
