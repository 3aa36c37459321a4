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

// How long a session lasts without use, and at most; and how long the token
// before the current one may ask for the current one again, since two tabs or a
// lost answer make a browser use it twice.
const (
	sessionIdle  = 14 * 24 * time.Hour
	sessionLife  = 90 * 24 * time.Hour
	refreshGrace = 10 * time.Second
)

const maxUserAgent = 300 // bytes kept

const sessionColumns = `id, user_id, generation, rotated_at, created_at, expires_at, revoked_at, user_agent`

func scanSession(row pgx.CollectableRow) (s liveblog.Session, err error) {
	err = row.Scan(&s.ID, &s.UserID, &s.Generation, &s.RotatedAt, &s.CreatedAt, &s.ExpiresAt, &s.RevokedAt, &s.UserAgent)
	return s, err
}

// errSession says the same of every session that is over.
var errSession = liveblog.Errorf(liveblog.ErrUnauthorized, "session_over", "the session is over; sign in again")

// CreateSession stores a session and fills in its times and generation. A user
// who was disabled, or whose password was changed after it proved them, gets
// none: ErrUnauthorized.
func (db *DB) CreateSession(ctx context.Context, a liveblog.Actor, s *liveblog.Session) error {
	s.UserAgent = clip(s.UserAgent, maxUserAgent)
	err := db.tx(ctx, func(tx pgx.Tx) error {
		if err := insertSession(ctx, tx, s); err != nil {
			return err
		}
		return audit(ctx, tx, a, "session.create", s.ID.String(), nil)
	})
	if err != nil {
		return fmt.Errorf("create session: %w", err)
	}
	return nil
}

// insertSession locks the user's row against a change that ends sessions.
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

// RotateSession moves a session from the given generation to the next and
// returns it with its user. For the generation before the current one, within
// refreshGrace, it returns the session as it is. An older one was stolen, or its
// successor was: the session is revoked. What is not good is ErrUnauthorized.
func (db *DB) RotateSession(ctx context.Context, a liveblog.Actor, id uuid.UUID, generation int64) (*liveblog.Session, *liveblog.User, error) {
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

// rotateSession returns nil and no error for what must be refused: a
// revocation it made has to be committed.
func rotateSession(ctx context.Context, tx pgx.Tx, a liveblog.Actor, id uuid.UUID, generation int64) (*liveblog.Session, *liveblog.User, error) {
	s, age, err := lockSession(ctx, tx, id)
	if err != nil || s == nil {
		return nil, nil, err
	}
	u, err := sessionUser(ctx, tx, s.ID, s.UserID)
	if err != nil {
		return nil, nil, standing(err)
	}
	switch {
	case generation == s.Generation:
		err = nextGeneration(ctx, tx, s)
	case generation == s.Generation-1 && age <= refreshGrace: // the same successor again
	case generation < s.Generation:
		return nil, nil, reuse(ctx, tx, a, s, generation)
	default: // the future: the database was set back
		return nil, nil, nil
	}
	return s, u, err
}

// lockSession returns a session and how long ago it was rotated; nil for none.
func lockSession(ctx context.Context, tx pgx.Tx, id uuid.UUID) (*liveblog.Session, time.Duration, error) {
	rows, err := tx.Query(ctx, `SELECT `+sessionColumns+` FROM sessions WHERE id = $1 FOR UPDATE`, id)
	if err != nil {
		return nil, 0, err
	}
	s, err := pgx.CollectExactlyOneRow(rows, scanSession)
	if err != nil {
		return nil, 0, standing(err)
	}
	var now time.Time
	err = tx.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now)
	return &s, now.Sub(s.RotatedAt), err
}

// standing drops the error that says "there is none".
func standing(err error) error {
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

// reuse revokes a session whose old token came back (RFC 9700, section 4.14.2).
func reuse(ctx context.Context, tx pgx.Tx, a liveblog.Actor, s *liveblog.Session, generation int64) error {
	return revokeSession(ctx, tx, a, s.ID, "session.reuse",
		map[string]int64{"generation": generation, "current": s.Generation})
}

// SessionUser finds the user of a session that stands: not revoked, not
// expired, the user not disabled. Else ErrNotFound.
func (db *DB) SessionUser(ctx context.Context, session, user uuid.UUID) (*liveblog.User, error) {
	ctx, cancel := context.WithTimeout(ctx, whoTimeout)
	defer cancel()
	ctx = liveblog.WithAnonymous(ctx, false) // who shows a session has signed in
	return sessionUser(ctx, &db.who, session, user)
}

func sessionUser(ctx context.Context, q querier, session, user uuid.UUID) (*liveblog.User, error) {
	rows, err := q.Query(ctx, `
		SELECT u.id, u.email, u.name, u.password_hash, u.role, u.disabled_at, u.created_at, u.updated_at
		FROM sessions s JOIN users u ON u.id = s.user_id
		WHERE s.id = $1 AND s.user_id = $2
			AND s.revoked_at IS NULL AND s.expires_at > now() AND u.disabled_at IS NULL`, session, user)
	return oneUser(rows, err)
}

// RevokeSession ends a session; ending it twice is no error.
func (db *DB) RevokeSession(ctx context.Context, a liveblog.Actor, id uuid.UUID) error {
	err := db.tx(ctx, func(tx pgx.Tx) error { return revokeSession(ctx, tx, a, id, "session.revoke", nil) })
	if err != nil {
		return fmt.Errorf("revoke session %s: %w", id, err)
	}
	return nil
}

// revokeSession notes what it does, once, under the name of an action.
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

// ForgetSessions deletes the sessions that are over for longer than their
// refresh tokens could be shown to us.
func (db *DB) ForgetSessions(ctx context.Context) error {
	_, err := db.inBatches(ctx, `
		DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at < now() - $2::interval LIMIT $1)`, sessionLife)
	return err
}

// clip shortens s to at most n bytes of whole, storable characters.
func clip(s string, n int) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\x00", "")
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return s
}
