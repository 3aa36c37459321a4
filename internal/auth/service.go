package auth

import (
	"context"
	"time"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

// UserStore stores users.
type UserStore interface {
	// UserByEmail returns a user, disabled or not, or ErrNotFound.
	UserByEmail(ctx context.Context, email string) (*liveblog.User, error)
	// SetPassword stores a new hash and ends all sessions of the user.
	SetPassword(ctx context.Context, a liveblog.Actor, user uuid.UUID, hash string) error
	// UpgradePasswordHash replaces a hash by another of the same password.
	UpgradePasswordHash(ctx context.Context, a liveblog.Actor, user uuid.UUID, old, hash string) error
}

// SessionStore stores the sessions of signed-in browsers.
type SessionStore interface {
	// CreateSession stores a session and fills in its times and generation.
	CreateSession(ctx context.Context, a liveblog.Actor, s *liveblog.Session) error
	// RotateSession advances a session from the given generation to the next one and
	// returns it with its user, or ErrUnauthorized.
	RotateSession(ctx context.Context, a liveblog.Actor, id uuid.UUID, generation int64) (*liveblog.Session, *liveblog.User, error)
	// RevokeSession ends a session. A session that has ended is no error.
	RevokeSession(ctx context.Context, a liveblog.Actor, id uuid.UUID) error
	// SessionUser returns the user of a session that can be used, or ErrNotFound.
	SessionUser(ctx context.Context, session, user uuid.UUID) (*liveblog.User, error)
}

// TokenStore stores API tokens.
type TokenStore interface {
	// Token returns the API token with an id, or ErrNotFound.
	Token(ctx context.Context, id string) (*liveblog.Token, error)
	// TouchToken records that a token was used now.
	TouchToken(ctx context.Context, id string) error
}

// AttemptStore counts sign-in attempts for all nodes together.
type AttemptStore interface {
	// CountAttempt counts an attempt under key. If it comes too early after the last
	// one, it is not counted, and wait is the time until the next one may come.
	CountAttempt(ctx context.Context, key string, limit liveblog.AttemptLimit) (wait time.Duration, err error)
	// RefundAttempt subtracts an attempt that was no failure.
	RefundAttempt(ctx context.Context, key string) error
}

// Store is the storage of a Service.
type Store interface {
	UserStore
	SessionStore
	TokenStore
	AttemptStore
}

// Service authenticates requests, and signs users in and out.
type Service struct {
	store     Store
	now       func() time.Time
	passwords *Passwords
	access    *AccessTokens
	refresh   *RefreshTokens
	devices   *Devices
	views     *ViewTokens
}

// NewService returns a service whose clock is now for access tokens, view tokens and the
// use of API tokens. The store has the clock of sessions and attempts.
func NewService(store Store, keys *Keys, now func() time.Time) *Service {
	return &Service{
		store: store, now: now, passwords: NewPasswords(),
		access: NewAccessTokens(keys, now), refresh: NewRefreshTokens(keys), devices: NewDevices(keys),
		views: NewViewTokens(keys, now),
	}
}

// HashPassword hashes a new password for the account of email. A password that breaks a
// rule is ErrInvalid, whose field is location.
func (s *Service) HashPassword(ctx context.Context, password, email, location string) (string, error) {
	if err := CheckNewPassword(password, email, location); err != nil {
		return "", err
	}
	return s.passwords.Hash(ctx, password)
}

// SamePassword is ErrIdempotencyUsed unless the password is that of the stored hash. It
// is for repeated requests: one with another password is another request.
func (s *Service) SamePassword(ctx context.Context, stored, password string) error {
	same, err := s.passwords.Verify(ctx, KnownDevices, stored, password)
	if err == nil && !same {
		return liveblog.Errorf(liveblog.ErrIdempotencyUsed, "idempotency_key_reused", "this Idempotency-Key came with another password before, or the password was changed since")
	}
	return err
}

// ViewTokens returns the tokens by which readers' pages report views.
func (s *Service) ViewTokens() *ViewTokens { return s.views }
