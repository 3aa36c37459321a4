package postgres

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"dateline/internal/liveblog"

	"github.com/jackc/pgx/v5"
)

// setupLife is how long a setup link is valid.
const setupLife = time.Hour

var (
	errSetupDone  = liveblog.Errorf(liveblog.ErrConflict, "setup_done", "the first user exists already; sign in")
	errSetupToken = liveblog.Errorf(liveblog.ErrForbidden, "setup_link_invalid", "the setup link is wrong or too old; get a new one from the program's output")
)

// NeedsSetup reports whether there is no user yet.
func (db *AccountStore) NeedsSetup(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var needed bool
	err := db.readPool.QueryRow(ctx, `SELECT NOT EXISTS (SELECT FROM users)`).Scan(&needed)
	return needed, readErr(err, "setup state")
}

// CreateSetupToken returns the secret of a link that creates the first user. Only its
// hash is stored. It is ErrConflict if there is a user.
func (db *AccountStore) CreateSetupToken(ctx context.Context, a liveblog.Actor) (string, error) {
	token := rand.Text() + rand.Text() // 260 bits
	err := db.tx(ctx, func(tx pgx.Tx) error {
		if err := lockSetup(ctx, tx); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			INSERT INTO setup_tokens (hash, expires_at) VALUES ($1, now() + $2::interval)`, setupHash(token), setupLife)
		if err != nil {
			return err
		}
		return audit(ctx, tx, a, "setup.link", "setup", nil)
	})
	if err != nil {
		return "", fmt.Errorf("create setup token: %w", err)
	}
	return token, nil
}

// CheckSetupToken returns nil if the secret is that of a link which can be used. It is
// ErrConflict if there is a user, and otherwise ErrForbidden.
func (db *AccountStore) CheckSetupToken(ctx context.Context, token string) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	needed, err := db.NeedsSetup(ctx)
	if err != nil {
		return err
	}
	if !needed {
		return errSetupDone
	}
	var good bool
	err = db.readPool.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM setup_tokens WHERE hash = $1 AND expires_at > now() AND claimed_at IS NULL)`,
		setupHash(token)).Scan(&good)
	if err == nil && !good {
		return errSetupToken
	}
	return readErr(err, "setup state")
}

// ClaimSetup creates the first user. Of concurrent claims, with one link or several, one
// succeeds. Errors are those of CheckSetupToken.
func (db *AccountStore) ClaimSetup(ctx context.Context, a liveblog.Actor, token string, u *liveblog.User) error {
	err := db.tx(ctx, func(tx pgx.Tx) error {
		if err := lockSetup(ctx, tx); err != nil {
			return err
		}
		if err := useSetupToken(ctx, tx, token); err != nil {
			return err
		}
		return createUser(ctx, tx, a, u)
	})
	if err != nil {
		return fmt.Errorf("claim setup: %w", err)
	}
	return nil
}

// CreateFirstUser creates u without a link, unless there is a user. It reports whether
// it did.
func (db *AccountStore) CreateFirstUser(ctx context.Context, a liveblog.Actor, u *liveblog.User) (bool, error) {
	err := db.tx(ctx, func(tx pgx.Tx) error {
		if err := lockSetup(ctx, tx); err != nil {
			return err
		}
		return createUser(ctx, tx, a, u)
	})
	if errors.Is(err, errSetupDone) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("create first user: %w", err)
	}
	return true, nil
}

// lockSetup serialises claims and returns errSetupDone if there is a user.
func lockSetup(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, `LOCK TABLE setup_tokens IN SHARE ROW EXCLUSIVE MODE`); err != nil {
		return err
	}
	var done bool
	if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM users)`).Scan(&done); err != nil {
		return err
	}
	if done {
		return errSetupDone
	}
	return nil
}

// useSetupToken marks a link as used, or returns errSetupToken if it cannot be used.
func useSetupToken(ctx context.Context, tx pgx.Tx, token string) error {
	tag, err := tx.Exec(ctx, `
		UPDATE setup_tokens SET claimed_at = now()
		WHERE hash = $1 AND expires_at > now() AND claimed_at IS NULL`, setupHash(token))
	if err == nil && tag.RowsAffected() == 0 {
		return errSetupToken
	}
	return err
}

func setupHash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
