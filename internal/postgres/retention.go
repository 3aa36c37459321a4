package postgres

import (
	"context"
	"fmt"
	"time"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Sizes of batches. They are small, so that no transaction holds locks for long.
const (
	eraseBatch = 200
	mediaBatch = 100
)

const (
	tokenLife      = 90 * 24 * time.Hour // how long a token stays after its end, so that its name can be found
	setupTokenLife = 30 * 24 * time.Hour // the same of a setup link
	mediaInterval  = 23 * time.Hour      // between two searches for unused pictures
	searchTimeout  = 10 * time.Minute    // of such a search
)

// mediaLock is the id of an advisory lock, an arbitrary constant. Transactions that store
// pictures share it; one that deletes bytes excludes them, since two pictures may
// share bytes.
const mediaLock = 0x64617465_0003

// ForgetAudit erases the client addresses from audit rows older than addresses, and
// deletes rows older than rows. 0 keeps them.
func (db *UpkeepStore) ForgetAudit(ctx context.Context, addresses, rows time.Duration) error {
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

// ForgetTokens deletes API tokens and setup links that expired or were revoked long ago.
func (db *UpkeepStore) ForgetTokens(ctx context.Context) error {
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

// ErasePosts erases the texts and revisions of posts that were removed longer ago than
// removed. Their ids, positions and external ids stay, so that a feed does not create
// them again. It returns the number of erased posts.
func (db *UpkeepStore) ErasePosts(ctx context.Context, by liveblog.Actor, removed time.Duration) (erased int, err error) {
	for {
		n, err := inTx(ctx, db.core, func(tx pgx.Tx) (int, error) { return erasePosts(ctx, tx, by, removed) })
		erased += n
		if err != nil {
			return erased, fmt.Errorf("erase posts removed %v ago: %w", removed, err)
		}
		if n < eraseBatch {
			return erased, nil
		}
		if err := ctx.Err(); err != nil {
			return erased, err
		}
	}
}

// erasePosts erases a batch of posts and returns their number. It skips locked posts.
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

// errErased rejects the restoration of a post whose text was erased.
var errErased = liveblog.Errorf(liveblog.ErrGone, "post_erased", "the post was removed so long ago that its text is erased")

// DeleteUnusedMedia deletes pictures that no post, revision or blog has shown for the
// time unused. It deletes their bytes from the database unless another picture has
// the same, and returns the keys of these bytes. It searches once a day; a picture is
// deleted only if each search during that time found it unused.
func (db *UpkeepStore) DeleteUnusedMedia(ctx context.Context, by liveblog.Actor, unused time.Duration) (free []string, err error) {
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
		if err != nil {
			return free, fmt.Errorf("delete media unused for %v: %w", unused, err)
		}
		free = append(free, keys...)
		if err := ctx.Err(); err != nil {
			return free, err
		}
	}
	return free, nil
}

// claimSearch reports whether a search for unused pictures is due, and records that it
// begins now.
func (db *UpkeepStore) claimSearch(ctx context.Context) (due bool, err error) {
	return inTx(ctx, db.core, func(tx pgx.Tx) (bool, error) {
		tag, err := tx.Exec(ctx, `
			INSERT INTO upkeep AS u (at, media_at) VALUES (now(), now())
			ON CONFLICT (one) DO UPDATE SET media_at = now()
			WHERE u.media_at IS NULL OR u.media_at <= now() - $1::interval OR u.media_at > now()`, mediaInterval)
		return tag.RowsAffected() == 1, err
	})
}

// usedMedia returns the pictures that a text refers to, as media:id or by URL. It reads
// all texts, on a connection without a statement timeout.
func (db *UpkeepStore) usedMedia(ctx context.Context) ([]uuid.UUID, error) {
	conn, err := db.connect(ctx, "dateline upkeep")
	if err != nil {
		return nil, readErr(err, "used pictures")
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
		return nil, readErr(err, "used pictures")
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	return ids, readErr(err, "used pictures")
}

// markUnused sets the date since when pictures are unused, and clears it for those in used.
func (db *UpkeepStore) markUnused(ctx context.Context, used []uuid.UUID) error {
	_, err := db.inBatches(ctx, `
		UPDATE media SET unused_since = now() WHERE id IN (
			SELECT m.id FROM media m LEFT JOIN unnest($2::uuid[]) AS u(id) ON u.id = m.id
			WHERE m.unused_since IS NULL AND u.id IS NULL LIMIT $1)`, used)
	if err != nil {
		return fmt.Errorf("mark unused pictures: %w", err)
	}
	_, err = db.inBatches(ctx, `
		UPDATE media SET unused_since = NULL WHERE id IN (
			SELECT m.id FROM media m JOIN unnest($2::uuid[]) AS u(id) ON u.id = m.id
			WHERE m.unused_since IS NOT NULL LIMIT $1)`, used)
	return err
}

// deleteMedia deletes a batch of pictures that are unused for long. It returns their
// number and the keys of the bytes that no other picture has.
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
