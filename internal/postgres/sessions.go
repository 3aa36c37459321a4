package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	sessionIdle = 14 * 24 * time.Hour // how long a session lasts without use
	sessionLife = 90 * 24 * time.Hour // how long it lasts at most
	// refreshGrace is how long the token before the current one is accepted: two tabs,
	// or a lost answer, make a browser use it twice.
	refreshGrace = 10 * time.Second
)

const maxUserAgent = 300 // bytes that are stored

const sessionColumns = `id, user_id, generation, rotated_at, created_at, expires_at, revoked_at, user_agent`

func scanSession(row pgx.CollectableRow) (s liveblog.Session, err error) {
	err = row.Scan(&s.ID, &s.UserID, &s.Generation, &s.RotatedAt, &s.CreatedAt, &s.ExpiresAt, &s.RevokedAt, &s.UserAgent)
	return s, err
}

// errSession is the one error for every session that cannot be used.
var errSession = liveblog.Errorf(liveblog.ErrUnauthorized, "session_over", "the session is over; sign in again")

// CreateSession stores a session and fills in its times and generation. It is
// ErrUnauthorized if the user is disabled, or if the password has changed since
// s.Proof was verified.
func (db *AccountStore) CreateSession(ctx context.Context, a liveblog.Actor, s *liveblog.Session) error {
	s.UserAgent = clip(s.UserAgent, maxUserAgent)
	err := db.tx(ctx, func(tx pgx.Tx) error {
		if err := insertSession(ctx, tx, s); err != nil {
			return err
		}
		return audit(ctx, tx, a, "session.create", s.ID.String(), nil)
	})
	if err != nil {
		return fmt.Errorf("create session of user %s: %w", s.UserID, err)
	}
	return nil
}

// insertSession inserts a session. FOR SHARE excludes a concurrent change of the user
// that ends all sessions.
func insertSession(ctx context.Context, tx pgx.Tx, s *liveblog.Session) error {
	rows, err := tx.Query(ctx, `
		INSERT INTO sessions (id, user_id, expires_at, user_agent)
		SELECT $1, id, now() + $3::interval, $4 FROM users
		WHERE id = $2 AND disabled_at IS NULL AND ($5 = '' OR password_hash = $5) FOR SHARE
		RETURNING `+sessionColumns, s.ID, s.UserID, sessionIdle, s.UserAgent, s.Proof)
	if err != nil {
		return err
	}
	stored, err := pgx.CollectExactlyOneRow(rows, scanSession)
	if errors.Is(err, pgx.ErrNoRows) {
		return errSession
	}
	if err == nil {
		*s = stored
	}
	return err
}

// RotateSession advances a session from the given generation to the next one and
// returns it with its user. For the previous generation, within refreshGrace, it
// returns the session unchanged. An older generation proves that a token was stolen:
// the session is revoked (RFC 9700, section 4.14.2). It is ErrUnauthorized if the
// session cannot be used.
func (db *AccountStore) RotateSession(ctx context.Context, a liveblog.Actor, id uuid.UUID, generation int64) (*liveblog.Session, *liveblog.User, error) {
	var s *liveblog.Session
	var u *liveblog.User
	err := db.tx(ctx, func(tx pgx.Tx) (err error) {
		s, u, err = rotateSession(ctx, tx, a, id, generation)
		return err
	})
	if err == nil && s == nil {
		err = errSession
	}
	if err != nil {
		return nil, nil, fmt.Errorf("rotate session %s: %w", id, err)
	}
	return s, u, nil
}

// rotateSession returns nil and no error for a request to reject: the transaction must
// commit, since it may have revoked the session.
func rotateSession(ctx context.Context, tx pgx.Tx, a liveblog.Actor, id uuid.UUID, generation int64) (*liveblog.Session, *liveblog.User, error) {
	s, age, err := lockSession(ctx, tx, id)
	if err != nil || s == nil {
		return nil, nil, err
	}
	u, err := sessionUser(ctx, tx, s.ID, s.UserID)
	if err != nil {
		return nil, nil, ignoreNotFound(err)
	}
	switch {
	case generation == s.Generation:
		err = nextGeneration(ctx, tx, s)
	case generation == s.Generation-1 && age <= refreshGrace: // the client gets the same successor again
	case generation < s.Generation:
		return nil, nil, revokeSession(ctx, tx, a, s.ID, "session.reuse",
			map[string]int64{"generation": generation, "current": s.Generation})
	default: // a future generation: the database is an older backup
		return nil, nil, nil
	}
	return s, u, err
}

// lockSession locks a session and returns it with the time since its last rotation;
// nil if there is none.
func lockSession(ctx context.Context, tx pgx.Tx, id uuid.UUID) (*liveblog.Session, time.Duration, error) {
	rows, err := tx.Query(ctx, `SELECT `+sessionColumns+` FROM sessions WHERE id = $1 FOR UPDATE`, id)
	if err != nil {
		return nil, 0, err
	}
	s, err := pgx.CollectExactlyOneRow(rows, scanSession)
	if err != nil {
		return nil, 0, ignoreNotFound(err)
	}
	var now time.Time
	err = tx.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now)
	return &s, now.Sub(s.RotatedAt), err
}

// ignoreNotFound returns nil for the errors that mean "there is no such row".
func ignoreNotFound(err error) error {
	if errors.Is(err, pgx.ErrNoRows) || errors.Is(err, liveblog.ErrNotFound) {
		return nil
	}
	return err
}

func nextGeneration(ctx context.Context, tx pgx.Tx, s *liveblog.Session) error {
	return tx.QueryRow(ctx, `
		UPDATE sessions SET generation = generation + 1, rotated_at = clock_timestamp(),
			expires_at = least(now() + $2::interval, created_at + $3::interval)
		WHERE id = $1
		RETURNING generation, rotated_at, expires_at`,
		s.ID, sessionIdle, sessionLife).Scan(&s.Generation, &s.RotatedAt, &s.ExpiresAt)
}

// SessionUser returns the user of a session that is neither revoked nor expired, and
// whose user is not disabled. Otherwise it is ErrNotFound.
func (db *AccountStore) SessionUser(ctx context.Context, session, user uuid.UUID) (*liveblog.User, error) {
	ctx, cancel := context.WithTimeout(ctx, authTimeout)
	defer cancel()
	ctx = liveblog.WithAnonymous(ctx, false) // a client with a session is not anonymous
	return sessionUser(ctx, &db.authPool, session, user)
}

func sessionUser(ctx context.Context, q querier, session, user uuid.UUID) (*liveblog.User, error) {
	rows, err := q.Query(ctx, `
		SELECT u.id, u.email, u.name, u.password_hash, u.role, u.disabled_at, u.created_at, u.updated_at
		FROM sessions s JOIN users u ON u.id = s.user_id
		WHERE s.id = $1 AND s.user_id = $2
			AND s.revoked_at IS NULL AND s.expires_at > now() AND u.disabled_at IS NULL`, session, user)
	return oneUser(rows, err)
}

// RevokeSession ends a session. A session that has ended is no error.
func (db *AccountStore) RevokeSession(ctx context.Context, a liveblog.Actor, id uuid.UUID) error {
	err := db.tx(ctx, func(tx pgx.Tx) error { return revokeSession(ctx, tx, a, id, "session.revoke", nil) })
	if err != nil {
		return fmt.Errorf("revoke session %s: %w", id, err)
	}
	return nil
}

// revokeSession ends a session and records that in the audit log as action, unless it has
// ended before.
func revokeSession(ctx context.Context, tx pgx.Tx, a liveblog.Actor, id uuid.UUID, action string, detail any) error {
	tag, err := tx.Exec(ctx, `UPDATE sessions SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL`, id)
	if err != nil || tag.RowsAffected() == 0 {
		return err
	}
	return audit(ctx, tx, a, action, id.String(), detail)
}

func revokeSessions(ctx context.Context, tx pgx.Tx, user uuid.UUID) error {
	_, err := tx.Exec(ctx, `UPDATE sessions SET revoked_at = now() WHERE user_id = $1 AND revoked_at IS NULL`, user)
	return err
}

// ForgetSessions deletes sessions so long after their end that no client can still hold
// their refresh tokens.
func (db *AccountStore) ForgetSessions(ctx context.Context) error {
	_, err := db.inBatches(ctx, `
		DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at < now() - $2::interval LIMIT $1)`, sessionLife)
	return err
}

// clip removes from s what PostgreSQL cannot store, and cuts it after at most n bytes at
// the end of a character.
func clip(s string, n int) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\x00", "")
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return s
}
