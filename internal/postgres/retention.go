package postgres

import (
	"context"
	"fmt"
	"time"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Batches of what is forgotten: small, so that no lock is held for long.
const (
	eraseBatch = 200
	mediaBatch = 100
)

const (
	tokenLife      = 90 * 24 * time.Hour // of a token that is over, so that its name can be found
	setupTokenLife = 30 * 24 * time.Hour
	mediaInterval  = 23 * time.Hour   // between two searches for pictures that nothing shows
	searchTimeout  = 10 * time.Minute // of one
)

// mediaLock is the advisory lock by which those who store pictures keep off one
// who deletes bytes: two pictures may share them. Any constant.
const mediaLock = 0x64617465_0003

// ForgetAudit erases the addresses from audit rows of a certain age, and deletes
// rows of another. 0 keeps them.
func (db *DB) ForgetAudit(ctx context.Context, addresses, rows time.Duration) error {
	if addresses > 0 {
		_, err := db.inBatches(ctx, `
			UPDATE audit SET address = '' WHERE id IN (
				SELECT id FROM audit WHERE address <> '' AND at < now() - $2::interval LIMIT $1)`, addresses)
		if err != nil {
			return fmt.Errorf("addresses of the audit log: %w", err)
		}
	}
	if rows > 0 {
		_, err := db.inBatches(ctx, `
			DELETE FROM audit WHERE at < now() - $2::interval AND id IN (SELECT id FROM audit ORDER BY id LIMIT $1)`, rows)
		if err != nil {
			return fmt.Errorf("audit log: %w", err)
		}
	}
	return nil
}

// ForgetTokens deletes API tokens and setup links that are over for long.
func (db *DB) ForgetTokens(ctx context.Context) error {
	_, err := db.inBatches(ctx, `
		DELETE FROM api_tokens WHERE id IN (
			SELECT id FROM api_tokens WHERE least(revoked_at, expires_at) < now() - $2::interval LIMIT $1)`, tokenLife)
	if err != nil {
		return fmt.Errorf("tokens: %w", err)
	}
	_, err = db.inBatches(ctx, `
		DELETE FROM setup_tokens WHERE hash IN (
			SELECT hash FROM setup_tokens WHERE expires_at < now() - $2::interval LIMIT $1)`, setupTokenLife)
	if err != nil {
		return fmt.Errorf("setup links: %w", err)
	}
	return nil
}

// ErasePosts erases the texts, with all their versions, of posts that were removed
// so long ago. What is left is that there was one: its id, its place and its
// external id, so that a feed does not bring it back.
func (db *DB) ErasePosts(ctx context.Context, by liveblog.Actor, removed time.Duration) (erased int, err error) {
	for n := eraseBatch; n == eraseBatch; erased += n {
		err := db.tx(ctx, func(tx pgx.Tx) (err error) {
			n, err = erasePosts(ctx, tx, by, removed)
			return err
		})
		if err != nil || ctx.Err() != nil {
			return erased, err
		}
	}
	return erased, nil
}

func erasePosts(ctx context.Context, tx pgx.Tx, by liveblog.Actor, removed time.Duration) (int, error) {
	rows, err := tx.Query(ctx, `
		SELECT id FROM posts
		WHERE status = 'removed' AND updated_at < now() - $1::interval AND (title <> '' OR body <> '')
		LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED`, removed, eraseBatch)
	if err != nil {
		return 0, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	batch := &pgx.Batch{}
	batch.Queue(`DELETE FROM revisions WHERE post_id = ANY ($1)`, ids)
	batch.Queue(`UPDATE posts SET title = '', body = '', html = '', text = '', byline = '', tags = '{}' WHERE id = ANY ($1)`, ids)
	for _, id := range ids {
		queueAudit(batch, by, "post.erase", id.String(), nil)
	}
	return len(ids), tx.SendBatch(ctx, batch).Close()
}

// errErased is what a post whose text is gone can't be restored for.
var errErased = liveblog.Errorf(liveblog.ErrGone, "post_erased", "the post was removed so long ago that its text is erased")

// DeleteUnusedMedia deletes pictures that no post, no version of one and no blog
// has shown for so long, and returns the keys of the bytes that no picture needs
// any more: those in the database are deleted as well. It looks once a day, and a
// picture must have been found unused by each look in between.
func (db *DB) DeleteUnusedMedia(ctx context.Context, by liveblog.Actor, unused time.Duration) (free []string, err error) {
	if due, err := db.claimSearch(ctx); err != nil || !due {
		return nil, err
	}
	used, err := db.usedMedia(ctx)
	if err != nil {
		return nil, err
	}
	if err := db.markUnused(ctx, used); err != nil {
		return nil, err
	}
	for n := mediaBatch; n == mediaBatch; {
		var keys []string
		err := db.tx(ctx, func(tx pgx.Tx) (err error) {
			n, keys, err = deleteMedia(ctx, tx, by, unused)
			return err
		})
		free = append(free, keys...)
		if err != nil || ctx.Err() != nil {
			return free, err
		}
	}
	return free, nil
}

func (db *DB) claimSearch(ctx context.Context) (due bool, err error) {
	err = db.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			INSERT INTO upkeep AS u (at, media_at) VALUES (now(), now())
			ON CONFLICT (one) DO UPDATE SET media_at = now()
			WHERE u.media_at IS NULL OR u.media_at <= now() - $1::interval OR u.media_at > now()`, mediaInterval)
		due = tag.RowsAffected() == 1
		return err
	})
	return due, err
}

// usedMedia finds every picture that a text names: as media:id, or by its URL. It
// reads all texts, over a connection without limits of time.
func (db *DB) usedMedia(ctx context.Context) ([]uuid.UUID, error) {
	conn, err := db.connect(ctx, "dateline upkeep")
	if err != nil {
		return nil, readErr(err, "pictures")
	}
	defer closeConn(conn)
	ctx, cancel := context.WithTimeout(ctx, searchTimeout)
	defer cancel()
	rows, err := conn.Query(ctx, `
		SELECT m.id FROM media m WHERE m.id::text IN (
			SELECT lower(found[1]) FROM (
				SELECT body FROM posts UNION ALL SELECT body FROM revisions UNION ALL SELECT summary FROM blogs
			) texts, regexp_matches(body, '([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})', 'gi') found
			WHERE body ILIKE '%media%')`)
	if err != nil {
		return nil, readErr(err, "pictures")
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	return ids, readErr(err, "pictures")
}

// markUnused dates the pictures that were not found from now on, and clears the
// date of those that were.
func (db *DB) markUnused(ctx context.Context, used []uuid.UUID) error {
	_, err := db.inBatches(ctx, `
		UPDATE media SET unused_since = now() WHERE id IN (
			SELECT m.id FROM media m LEFT JOIN unnest($2::uuid[]) AS u(id) ON u.id = m.id
			WHERE m.unused_since IS NULL AND u.id IS NULL LIMIT $1)`, used)
	if err != nil {
		return fmt.Errorf("mark pictures: %w", err)
	}
	_, err = db.inBatches(ctx, `
		UPDATE media SET unused_since = NULL WHERE id IN (
			SELECT m.id FROM media m JOIN unnest($2::uuid[]) AS u(id) ON u.id = m.id
			WHERE m.unused_since IS NOT NULL LIMIT $1)`, used)
	return err
}

func deleteMedia(ctx context.Context, tx pgx.Tx, by liveblog.Actor, unused time.Duration) (n int, free []string, err error) {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(mediaLock)); err != nil {
		return 0, nil, err
	}
	rows, err := tx.Query(ctx, `
		DELETE FROM media WHERE id IN (SELECT id FROM media WHERE unused_since < now() - $1::interval LIMIT $2)
		RETURNING `+mediaColumns, unused, mediaBatch)
	if err != nil {
		return 0, nil, err
	}
	deleted, err := pgx.CollectRows(rows, scanMedia)
	if err != nil || len(deleted) == 0 {
		return 0, nil, err
	}
	var keys []string
	batch := &pgx.Batch{}
	for _, m := range deleted {
		queueAudit(batch, by, "media.delete", m.ID.String(), nil)
		for _, v := range m.Variants {
			keys = append(keys, v.Key)
		}
	}
	batch.Queue(`
		SELECT k FROM unnest($1::text[]) AS k
		WHERE k NOT IN (SELECT v ->> 'key' FROM media m, jsonb_array_elements(m.variants) AS v)`, keys).Query(func(rows pgx.Rows) (err error) {
		free, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return 0, nil, err
	}
	_, err = tx.Exec(ctx, `DELETE FROM media_blobs WHERE key = ANY ($1)`, free)
	return len(deleted), free, err
}
