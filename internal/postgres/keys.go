package postgres

import (
	"context"
	"crypto/rand"
	"fmt"

	"dateline/internal/liveblog"

	"github.com/jackc/pgx/v5"
)

// firstKeys are the ids of the keys that every installation has: one for access tokens
// and the permanent one for refresh tokens.
var firstKeys = []string{"access-1", "refresh"}

const keyBytes = 32

// SigningKeys returns the keys that all nodes share, the oldest first. The first call
// in a database creates them.
func (db *BlogStore) SigningKeys(ctx context.Context, a liveblog.Actor) ([]liveblog.SigningKey, error) {
	keys, err := inTx(ctx, db.core, func(tx pgx.Tx) ([]liveblog.SigningKey, error) {
		for _, id := range firstKeys {
			if err := ensureKey(ctx, tx, a, id); err != nil {
				return nil, err
			}
		}
		rows, err := tx.Query(ctx, `
			SELECT kid, secret, created_at FROM signing_keys
			WHERE retired_at IS NULL
			ORDER BY created_at, length(kid), kid`)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowToStructByPos[liveblog.SigningKey])
	})
	if err != nil {
		return nil, fmt.Errorf("signing keys: %w", err)
	}
	return keys, nil
}

// ensureKey creates a key unless it exists. While another node creates the same one,
// the INSERT waits for its commit and then does nothing.
func ensureKey(ctx context.Context, tx pgx.Tx, a liveblog.Actor, id string) error {
	secret := make([]byte, keyBytes)
	_, _ = rand.Read(secret) // never fails (crypto/rand)
	tag, err := tx.Exec(ctx, `
		INSERT INTO signing_keys (kid, secret) VALUES ($1, $2)
		ON CONFLICT (kid) DO NOTHING`, id, secret)
	if err != nil || tag.RowsAffected() == 0 {
		return err
	}
	return audit(ctx, tx, a, "key.create", id, nil)
}
