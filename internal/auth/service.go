package auth

import (
	"context"
	"time"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

// UserStore keeps people.
type UserStore interface {
	// UserByEmail finds a user, disabled or not, or ErrNotFound.
	UserByEmail(ctx context.Context, email string) (*liveblog.User, error)
	// SetPassword stores a new hash and ends all sessions of the user.
	SetPassword(ctx context.Context, a liveblog.Actor, user uuid.UUID, hash string) error
	// UpgradePasswordHash replaces a hash by another of the same password.
	UpgradePasswordHash(ctx context.Context, a liveblog.Actor, user uuid.UUID, old, hash string) error
}

// SessionStore keeps signed-in browsers.
type SessionStore interface {
	// CreateSession stores a session and fills in its times and generation.
	CreateSession(ctx context.Context, a liveblog.Actor, s *liveblog.Session) error
	// RotateSession moves a session from the given generation to the next and
	// returns it with its user, or ErrUnauthorized.
	RotateSession(ctx context.Context, a liveblog.Actor, id uuid.UUID, generation int64) (*liveblog.Session, *liveblog.User, error)
	// RevokeSession ends a session; ending it twice is no error.
	RevokeSession(ctx context.Context, a liveblog.Actor, id uuid.UUID) error
	// SessionUser finds the user of a session that stands, or ErrNotFound.
	SessionUser(ctx context.Context, session, user uuid.UUID) (*liveblog.User, error)
}

// TokenStore keeps API tokens.
type TokenStore interface {
	// Token finds an API token by its id, or ErrNotFound.
	Token(ctx context.Context, id string) (*liveblog.Token, error)
	// TouchToken notes that a token was used now.
	TouchToken(ctx context.Context, id string) error
}

// AttemptStore counts sign-in attempts for all nodes together.
type AttemptStore interface {
	// CountAttempt adds one to the attempts under key, unless it comes too early
	// after the last one: then wait says how long none will count.
	CountAttempt(ctx context.Context, key string, p liveblog.Patience) (wait time.Duration, err error)
	// RefundAttempt takes one back: it was no failure.
	RefundAttempt(ctx context.Context, key string) error
}

// Store is what a Service needs to keep.
type Store interface {
	UserStore
	SessionStore
	TokenStore
	AttemptStore
}

// Service knows who somebody is, and signs people in and out.
type Service struct {
	store     Store
	now       func() time.Time
	passwords *Passwords
	access    *AccessTokens
	refresh   *RefreshTokens
	devices   *Devices
	views     *ViewTokens
}

// NewService uses now as its clock for access tokens and API tokens; sessions
// and attempts are timed by the store.
func NewService(store Store, keys *Keys, now func() time.Time) *Service {
	return &Service{
		store: store, now: now, passwords: NewPasswords(),
		access: NewAccessTokens(keys, now), refresh: NewRefreshTokens(keys), devices: NewDevices(keys),
		views: NewViewTokens(keys, now),
	}
}

// HashPassword checks that a new password is fit for the account of email and
// hashes it. Location is the field's name in errors.
func (s *Service) HashPassword(ctx context.Context, password, email, location string) (string, error) {
	if err := CheckNewPassword(password, email, location); err != nil {
		return "", err
	}
	return s.passwords.Hash(ctx, password)
}

// SamePassword gives ErrIdempotencyUsed unless the password is that of the hash:
// a request that is repeated with another one is another request.
func (s *Service) SamePassword(ctx context.Context, stored, password string) error {
	same, err := s.passwords.Verify(ctx, Known, stored, password)
	if err == nil && !same {
		return liveblog.Errorf(liveblog.ErrIdempotencyUsed, "idempotency_key_reused", "this Idempotency-Key came with another password before, or the password was changed since")
	}
	return err
}

// ViewTokens are what readers' pages report views with.
func (s *Service) ViewTokens() *ViewTokens { return s.views }
