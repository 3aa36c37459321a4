package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"dateline/internal/liveblog"

	"github.com/jackc/pgx/v5"
)

// idempotencyLife is how long an Idempotency-Key is remembered.
const idempotencyLife = 24 * time.Hour

// once runs f, unless the actor's request with this key was done before: then
// it returns what that one did. The result is stored in the same transaction, so
// a key is used exactly when its work is committed. Without a key f just runs.
//
// Two requests with one key that run at once both do the work, the second fails
// on the key's uniqueness, is rolled back whole, and tx runs it again.
func once[T any](ctx context.Context, tx pgx.Tx, a liveblog.Actor, key liveblog.IdempotencyKey, f func() (T, error)) (result T, replayed bool, err error) {
	if key.Key == "" {
		result, err = f()
		return result, false, err
	}
	if replayed, err = replay(ctx, tx, a, key, &result); replayed || err != nil {
		return result, replayed, err
	}
	if result, err = f(); err != nil {
		return result, false, err
	}
	return result, false, remember(ctx, tx, a, key, result)
}

func replay(ctx context.Context, tx pgx.Tx, a liveblog.Actor, key liveblog.IdempotencyKey, result any) (bool, error) {
	var hash, stored []byte
	err := tx.QueryRow(ctx, `
		SELECT request_hash, result FROM idempotency_keys
		WHERE principal = $1 AND key = $2`, a.Key(), key.Key).Scan(&hash, &stored)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("idempotency key: %w", err)
	}
	if !bytes.Equal(hash, key.Hash[:]) {
		return false, liveblog.Errorf(liveblog.ErrIdempotencyUsed, "idempotency_key_reused",
			"this Idempotency-Key came with another request before; use a new one")
	}
	return true, json.Unmarshal(stored, result)
}

func remember(ctx context.Context, tx pgx.Tx, a liveblog.Actor, key liveblog.IdempotencyKey, result any) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO idempotency_keys (principal, key, request_hash, result)
		VALUES ($1, $2, $3, $4)`, a.Key(), key.Key, key.Hash[:], result)
	if violates(err, "idempotency_keys_pkey") {
		return errAgain
	}
	return err
}

// ForgetIdempotencyKeys deletes the keys that are past their life.
func (db *DB) ForgetIdempotencyKeys(ctx context.Context) error {
	_, err := db.inBatches(ctx, `
		DELETE FROM idempotency_keys WHERE (principal, key) IN (
			SELECT principal, key FROM idempotency_keys WHERE created_at < now() - $2::interval LIMIT $1)`, idempotencyLife)
	return err
}
