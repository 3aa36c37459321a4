package auth

import (
	"context"
	"errors"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

// Browser describes the client of a sign-in.
type Browser struct {
	Device    string // its device cookie, or ""
	UserAgent string
}

// SignedIn is what a browser receives after a sign-in or a refresh.
type SignedIn struct {
	User    *liveblog.User
	Session *liveblog.Session
	Access  string // JWT, good for AccessTTL
	Refresh string
	Device  string // cookie by which the next attempts of this browser have counters of their own
}

// errBadLogin is the one error for an unknown address, a wrong password and a disabled
// account.
var errBadLogin = liveblog.Errorf(liveblog.ErrUnauthorized, "bad_login", "the e-mail address or the password is wrong")

// Login signs a user in with a password. It is ErrUnauthorized, with the same text and
// after the same work for all reasons, or ErrTooMany.
func (s *Service) Login(ctx context.Context, a liveblog.Actor, b Browser, email, password string) (*SignedIn, error) {
	user, err := s.candidate(ctx, email)
	if err != nil {
		return nil, err
	}
	right, err := s.try(ctx, s.attemptBy(b, user, email, a.Address), user, password)
	if err != nil {
		return nil, err
	}
	if !right {
		return nil, errBadLogin
	}
	a.Principal = &liveblog.Principal{User: user, Role: user.Role}
	if err := s.upgrade(ctx, a, user, password); err != nil {
		return nil, err
	}
	return s.start(ctx, a, b, user, user.PasswordHash)
}

// candidate returns the user of an address, or an empty one, for which no password is
// right.
func (s *Service) candidate(ctx context.Context, email string) (*liveblog.User, error) {
	user, err := s.store.UserByEmail(ctx, liveblog.NormalEmail(email))
	if errors.Is(err, liveblog.ErrNotFound) {
		return &liveblog.User{}, nil
	}
	return user, err
}

// attemptBy is the attempt of a browser to sign in as user, which is empty if there is no
// account of that address.
func (s *Service) attemptBy(b Browser, user *liveblog.User, email, address string) attempt {
	if id, known := s.devices.ID(b.Device, user.ID); known && user.ID != uuid.Nil {
		return knownDevice(id)
	}
	return unknownDevice(email, address)
}

// upgrade hashes the password again if the stored hash has other costs than today's.
func (s *Service) upgrade(ctx context.Context, a liveblog.Actor, user *liveblog.User, password string) error {
	if !NeedsRehash(user.PasswordHash) {
		return nil
	}
	hash, err := s.passwords.Hash(ctx, password)
	if err != nil {
		return err
	}
	if err := s.store.UpgradePasswordHash(ctx, a, user.ID, user.PasswordHash, hash); err != nil {
		return err
	}
	user.PasswordHash = hash
	return nil
}

// Start opens a session for a user whose identity was verified.
func (s *Service) Start(ctx context.Context, a liveblog.Actor, b Browser, user *liveblog.User) (*SignedIn, error) {
	return s.start(ctx, a, b, user, "")
}

// start opens a session, unless the password has changed since its hash was proof.
func (s *Service) start(ctx context.Context, a liveblog.Actor, b Browser, user *liveblog.User, proof string) (*SignedIn, error) {
	session := &liveblog.Session{ID: uuid.New(), UserID: user.ID, UserAgent: b.UserAgent, Proof: proof}
	if err := s.store.CreateSession(ctx, a, session); err != nil {
		return nil, err
	}
	return s.issue(session, user, b)
}

// Refresh exchanges a refresh token for its successor and a new access token. It is
// ErrUnauthorized if the token is not valid.
func (s *Service) Refresh(ctx context.Context, a liveblog.Actor, b Browser, token string) (*SignedIn, error) {
	id, generation, err := s.refresh.Verify(token)
	if err != nil {
		return nil, err
	}
	session, user, err := s.store.RotateSession(ctx, a, id, generation)
	if err != nil {
		return nil, err
	}
	return s.issue(session, user, b)
}

// issue creates the tokens of a session. A browser with a device cookie for this user
// keeps it.
func (s *Service) issue(session *liveblog.Session, user *liveblog.User, b Browser) (*SignedIn, error) {
	access, err := s.access.Sign(Claims{UserID: user.ID, SessionID: session.ID})
	if err != nil {
		return nil, err
	}
	device := b.Device
	if _, known := s.devices.ID(device, user.ID); !known {
		device = s.devices.Issue(user.ID)
	}
	return &SignedIn{
		User: user, Session: session, Access: access, Device: device,
		Refresh: s.refresh.Sign(session.ID, session.Generation),
	}, nil
}

// Logout ends the session of a refresh token and that of the principal. An invalid token
// is no error.
func (s *Service) Logout(ctx context.Context, a liveblog.Actor, refresh string) error {
	if id, _, err := s.refresh.Verify(refresh); err == nil {
		if err := s.store.RevokeSession(ctx, a, id); err != nil {
			return err
		}
	}
	if a.Principal.Anonymous() || a.Principal.User == nil {
		return nil
	}
	return s.store.RevokeSession(ctx, a, a.Principal.SessionID)
}

// ChangePassword replaces the password of the principal, ends all sessions of that user
// and opens a new one for this browser. A wrong current password is ErrInvalid.
func (s *Service) ChangePassword(ctx context.Context, a liveblog.Actor, b Browser, current, password string) (*SignedIn, error) {
	user := a.Principal.User
	right, err := s.try(ctx, signedIn(user.ID), user, current)
	if err != nil {
		return nil, err
	}
	if !right {
		return nil, errWrongCurrent
	}
	hash, err := s.HashPassword(ctx, password, user.Email, "body.new_password")
	if err != nil {
		return nil, err
	}
	if err := s.store.SetPassword(ctx, a, user.ID, hash); err != nil {
		return nil, err
	}
	return s.Start(ctx, a, b, user)
}

// errWrongCurrent is ErrInvalid, not ErrUnauthorized: the session is valid, the field is
// not.
var errWrongCurrent = &liveblog.Problem{
	Err: liveblog.ErrInvalid, Code: "wrong_password", Detail: "the current password is wrong",
	Fields: []liveblog.FieldError{{Location: "body.current_password", Message: "is wrong"}},
}
