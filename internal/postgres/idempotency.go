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

// idempotencyLife is how long an Idempotency-Key is kept.
const idempotencyLife = 24 * time.Hour

// once runs f and stores its result under the actor's key, in the same transaction: a
// key is used if and only if its work is committed. If the key was used before, once
// returns the stored result and does not run f. The same key with another request is
// ErrIdempotencyUsed. Without a key, f always runs.
//
// Two concurrent requests with one key both run f. The second one violates the
// uniqueness of the key and is rolled back; inTx runs it again, and it finds the
// result of the first.
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

// replay reads the result that is stored under a key, and reports whether there is one.
func replay(ctx context.Context, tx pgx.Tx, a liveblog.Actor, key liveblog.IdempotencyKey, result any) (bool, error) {
	var hash, stored []byte
	err := tx.QueryRow(ctx, `
		SELECT request_hash, result FROM idempotency_keys
		WHERE principal = $1 AND key = $2`, a.Key(), key.Key).Scan(&hash, &stored)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read idempotency key %q: %w", key.Key, err)
	}
	if !bytes.Equal(hash, key.Hash[:]) {
		return false, liveblog.Errorf(liveblog.ErrIdempotencyUsed, "idempotency_key_reused",
			"this Idempotency-Key came with another request before; use a new one")
	}
	return true, json.Unmarshal(stored, result)
}

// remember stores a result under a key.
func remember(ctx context.Context, tx pgx.Tx, a liveblog.Actor, key liveblog.IdempotencyKey, result any) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO idempotency_keys (principal, key, request_hash, result)
		VALUES ($1, $2, $3, $4)`, a.Key(), key.Key, key.Hash[:], result)
	if violates(err, "idempotency_keys_pkey") {
		return errAgain
	}
	if err != nil {
		return fmt.Errorf("store idempotency key %q: %w", key.Key, err)
	}
	return nil
}

// ForgetIdempotencyKeys deletes the keys that are older than idempotencyLife.
func (db *UpkeepStore) ForgetIdempotencyKeys(ctx context.Context) error {
	_, err := db.inBatches(ctx, `
		DELETE FROM idempotency_keys WHERE (principal, key) IN (
			SELECT principal, key FROM idempotency_keys WHERE created_at < now() - $2::interval LIMIT $1)`, idempotencyLife)
	return err
}
