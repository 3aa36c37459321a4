package postgres

import (
	"context"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// insertRevision queues the revision of a post's present version.
func (k postTx) insertRevision(batch *pgx.Batch, p *liveblog.Post) {
	batch.Queue(`
		INSERT INTO revisions (post_id, version, status, title, body, html, byline, tags, key_event, editor_id)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		p.ID, p.Version, p.Status, p.Title, p.Body, p.HTML, p.Byline, p.Tags, p.KeyEvent, k.by.Principal.AuthorID())
}

// Revisions lists at most limit versions of a post, the newest first. A version that
// only rendered the same text anew has none.
func (db *BlogStore) Revisions(ctx context.Context, blogID, postID uuid.UUID, limit int) ([]liveblog.Revision, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	rows, err := db.readPool.Query(ctx, `
		SELECT r.post_id, r.version, r.status, r.title, r.body, r.html, r.byline, r.tags, r.key_event,
			r.editor_id, coalesce(u.name, ''), r.at
		FROM revisions r
		JOIN posts p ON p.id = r.post_id
		LEFT JOIN users u ON u.id = r.editor_id
		WHERE r.post_id = $1 AND p.blog_id = $2
		ORDER BY r.version DESC
		LIMIT $3`, postID, blogID, limit)
	if err != nil {
		return nil, readErr(err, "revisions of post %s", postID)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[liveblog.Revision])
	return list, readErr(err, "revisions of post %s", postID)
}
