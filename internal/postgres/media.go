package postgres

import (
	"context"
	"errors"
	"fmt"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// CreateMedia stores a picture, whose ID the caller sets, and its blobs; there are none
// if their bytes are elsewhere. replayed reports that the key was used before: then
// created is what that request stored.
func (db *MediaStore) CreateMedia(ctx context.Context, a liveblog.Actor, key liveblog.IdempotencyKey, m *liveblog.Media, blobs []liveblog.Blob) (created *liveblog.Media, replayed bool, err error) {
	err = db.tx(ctx, func(tx pgx.Tx) (err error) {
		created, replayed, err = once(ctx, tx, a, key, func() (*liveblog.Media, error) {
			return createMedia(ctx, tx, a, m, blobs)
		})
		return err
	})
	if err != nil {
		return nil, false, err
	}
	return created, replayed, nil
}

func createMedia(ctx context.Context, tx pgx.Tx, a liveblog.Actor, m *liveblog.Media, blobs []liveblog.Blob) (*liveblog.Media, error) {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock_shared($1)`, int64(mediaLock)); err != nil {
		return nil, err
	}
	for _, b := range blobs {
		if err := insertBlob(ctx, tx, b); err != nil {
			return nil, err
		}
	}
	created, err := insertMedia(ctx, tx, m)
	if err != nil {
		return nil, err
	}
	return created, audit(ctx, tx, a, "media.create", m.ID.String(), nil)
}

// insertBlob stores a blob unless its key exists: the key is a digest of the bytes.
func insertBlob(ctx context.Context, tx pgx.Tx, b liveblog.Blob) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO media_blobs (key, type, data) VALUES ($1, $2, $3)
		ON CONFLICT (key) DO NOTHING`, b.Key, b.Type, b.Data)
	return err
}

func insertMedia(ctx context.Context, tx pgx.Tx, m *liveblog.Media) (*liveblog.Media, error) {
	rows, _ := tx.Query(ctx, `
		INSERT INTO media (id, alt, caption, credit, width, height, color, variants, blog_id, created_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		RETURNING `+mediaColumns,
		m.ID, m.Alt, m.Caption, m.Credit, m.Width, m.Height, m.Color, variantRows(m.Variants), m.BlogID, m.CreatedBy)
	return pgx.CollectExactlyOneRow(rows, scanMedia)
}

// Media returns the pictures with these ids. Ids that do not exist are not in the map.
func (db *MediaStore) Media(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]*liveblog.Media, error) {
	found := make(map[uuid.UUID]*liveblog.Media, len(ids))
	if len(ids) == 0 {
		return found, nil
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	rows, _ := db.readPool.Query(ctx, `SELECT `+mediaColumns+` FROM media WHERE id = ANY ($1)`, ids)
	all, err := pgx.CollectRows(rows, scanMedia)
	if err != nil {
		return nil, readErr(err, "media of %d ids", len(ids))
	}
	for _, m := range all {
		found[m.ID] = m
	}
	return found, nil
}

// UpdateMedia changes the given texts of a picture and returns it. Posts show the new
// texts when they are rendered the next time.
func (db *MediaStore) UpdateMedia(ctx context.Context, a liveblog.Actor, id uuid.UUID, patch liveblog.MediaPatch) (*liveblog.Media, error) {
	return inTx(ctx, db.core, func(tx pgx.Tx) (*liveblog.Media, error) {
		rows, err := tx.Query(ctx, `
			UPDATE media SET alt = coalesce($2, alt), caption = coalesce($3, caption), credit = coalesce($4, credit)
			WHERE id = $1 RETURNING `+mediaColumns, id, patch.Alt, patch.Caption, patch.Credit)
		if err != nil {
			return nil, fmt.Errorf("update media %s: %w", id, err)
		}
		m, err := pgx.CollectExactlyOneRow(rows, scanMedia)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil, liveblog.Errorf(liveblog.ErrNotFound, "media_not_found", "there is no image %s", id)
		}
		if err != nil {
			return nil, fmt.Errorf("update media %s: %w", id, err)
		}
		return m, audit(ctx, tx, a, "media.update", id.String(), nil)
	})
}

// Blob returns the bytes of a variant of a picture, or ErrNotFound.
func (db *MediaStore) Blob(ctx context.Context, key string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var data []byte
	err := db.readPool.QueryRow(ctx, `SELECT data FROM media_blobs WHERE key = $1`, key).Scan(&data)
	return data, readErr(err, "blob %s", key)
}

// mediaColumns are the columns that scanMedia reads, in its order.
const mediaColumns = `id, alt, caption, credit, width, height, color, variants, blog_id, created_by, created_at`

func scanMedia(row pgx.CollectableRow) (*liveblog.Media, error) {
	var m liveblog.Media
	var variants []variantRow
	err := row.Scan(&m.ID, &m.Alt, &m.Caption, &m.Credit, &m.Width, &m.Height, &m.Color, &variants, &m.BlogID, &m.CreatedBy, &m.CreatedAt)
	for _, v := range variants {
		m.Variants = append(m.Variants, liveblog.Variant(v))
	}
	return &m, err
}

// variantRow is a liveblog.Variant as it is stored in JSON.
type variantRow struct {
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Type   string `json:"type"`
	Key    string `json:"key"`
	Size   int64  `json:"size"`
}

func variantRows(variants []liveblog.Variant) []variantRow {
	rows := make([]variantRow, len(variants))
	for i, v := range variants {
		rows[i] = variantRow(v)
	}
	return rows
}
