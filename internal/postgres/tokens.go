package postgres

import (
	"context"
	"fmt"

	"dateline/internal/liveblog"

	"github.com/jackc/pgx/v5"
)

const selectTokens = `
	SELECT t.id, t.name, t.hash, t.scopes, t.blog_id, coalesce(b.slug, ''), t.created_by,
		t.created_at, t.expires_at, t.expires_at <= now(), t.last_used_at, t.revoked_at
	FROM api_tokens t LEFT JOIN blogs b ON b.id = t.blog_id`

func scanToken(row pgx.CollectableRow) (t liveblog.Token, err error) {
	err = row.Scan(&t.ID, &t.Name, &t.Hash, &t.Scopes, &t.BlogID, &t.BlogSlug, &t.CreatedBy,
		&t.CreatedAt, &t.ExpiresAt, &t.Expired, &t.LastUsedAt, &t.RevokedAt)
	return t, err
}

// Token returns the API token with an id, revoked or not, or ErrNotFound.
func (db *AccountStore) Token(ctx context.Context, id string) (*liveblog.Token, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	rows, err := db.authPool.Query(ctx, selectTokens+` WHERE t.id = $1`, id)
	if err != nil {
		return nil, readErr(err, "token %s", id)
	}
	t, err := pgx.CollectExactlyOneRow(rows, scanToken)
	return &t, readErr(err, "token %s", id)
}

// Tokens lists the tokens that are not revoked, the newest first.
func (db *AccountStore) Tokens(ctx context.Context) ([]liveblog.Token, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	rows, err := db.readPool.Query(ctx, selectTokens+` WHERE t.revoked_at IS NULL ORDER BY t.created_at DESC, t.id`)
	if err != nil {
		return nil, readErr(err, "tokens")
	}
	tokens, err := pgx.CollectRows(rows, scanToken)
	return tokens, readErr(err, "tokens")
}

// CreateToken stores an API token and fills in its time of creation.
func (db *AccountStore) CreateToken(ctx context.Context, a liveblog.Actor, t *liveblog.Token) error {
	err := db.tx(ctx, func(tx pgx.Tx) error { return createToken(ctx, tx, a, t) })
	if err != nil {
		return fmt.Errorf("create token %q: %w", t.Name, err)
	}
	return nil
}

// CreateTokenOnce is CreateToken with an idempotency key. replayed reports that the key
// was used before: then created is the token of that request, whose secret is not
// stored anywhere.
func (db *AccountStore) CreateTokenOnce(ctx context.Context, a liveblog.Actor, key liveblog.IdempotencyKey, t *liveblog.Token) (created *liveblog.Token, replayed bool, err error) {
	err = db.tx(ctx, func(tx pgx.Tx) error {
		created, replayed, err = once(ctx, tx, a, key, func() (*liveblog.Token, error) {
			err := createToken(ctx, tx, a, t)
			result := *t
			result.Hash = nil // the result is stored with the key; the hash belongs in its row only
			return &result, err
		})
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("create token %q: %w", t.Name, err)
	}
	return created, replayed, nil
}

func createToken(ctx context.Context, tx pgx.Tx, a liveblog.Actor, t *liveblog.Token) error {
	err := tx.QueryRow(ctx, `
		INSERT INTO api_tokens (id, name, hash, scopes, blog_id, created_by, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		RETURNING created_at`,
		t.ID, t.Name, t.Hash, t.Scopes, t.BlogID, t.CreatedBy, t.ExpiresAt).Scan(&t.CreatedAt)
	if err != nil {
		return err
	}
	return audit(ctx, tx, a, "token.create", t.ID, map[string]any{"name": t.Name, "scopes": t.Scopes, "blog": t.BlogID})
}

// TouchToken records that a token was used now, unless that was recorded within the last
// minute. The audit log does not keep it.
func (db *AccountStore) TouchToken(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	_, err := db.authPool.Exec(ctx, `
		UPDATE api_tokens SET last_used_at = now()
		WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')`, id)
	return readErr(err, "use of token %s", id)
}

// RevokeToken ends a token for ever. It is ErrNotFound if there is none, or if it was
// revoked before.
func (db *AccountStore) RevokeToken(ctx context.Context, a liveblog.Actor, id string) error {
	err := db.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE api_tokens SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL`, id)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return liveblog.Errorf(liveblog.ErrNotFound, "token_not_found", "there is no such token")
		}
		return audit(ctx, tx, a, "token.revoke", id, nil)
	})
	if err != nil {
		return fmt.Errorf("revoke token %s: %w", id, err)
	}
	return nil
}
