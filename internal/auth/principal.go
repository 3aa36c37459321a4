package auth

import (
	"context"
	"errors"
	"time"

	"dateline/internal/liveblog"
)

// touchEvery is the precision of a token's time of last use.
const touchEvery = time.Minute

// Principal returns the principal of a credential: an API token or an access token. It
// queries the database each time, once, so that a revocation on one node takes effect
// on all. It is ErrUnauthorized if the credential is not valid, and ErrUnavailable if
// that cannot be known now.
func (s *Service) Principal(ctx context.Context, credential string) (*liveblog.Principal, error) {
	if isToken(credential) {
		return s.program(ctx, credential)
	}
	return s.person(ctx, credential)
}

func (s *Service) person(ctx context.Context, credential string) (*liveblog.Principal, error) {
	claims, err := s.access.Verify(credential)
	if err != nil {
		return nil, err
	}
	user, err := s.store.SessionUser(ctx, claims.SessionID, claims.UserID)
	if err != nil {
		return nil, credentialError(err)
	}
	return &liveblog.Principal{User: user, SessionID: claims.SessionID, Role: user.Role}, nil
}

func (s *Service) program(ctx context.Context, credential string) (*liveblog.Principal, error) {
	id, secret, ok := parseToken(credential)
	if !ok {
		return nil, errBadCredential
	}
	token, err := s.store.Token(ctx, id)
	if err != nil {
		return nil, credentialError(err)
	}
	if !usable(token, secret) {
		return nil, errBadCredential
	}
	p := &liveblog.Principal{TokenID: token.ID, TokenName: token.Name, Scopes: token.Scopes, BlogID: token.BlogID}
	return p, s.touch(ctx, token)
}

// touch records the use of a token, at most once per touchEvery.
func (s *Service) touch(ctx context.Context, t *liveblog.Token) error {
	if t.LastUsedAt != nil && s.now().Sub(*t.LastUsedAt) < touchEvery {
		return nil
	}
	return s.store.TouchToken(ctx, t.ID)
}

// credentialError replaces ErrNotFound by errBadCredential and returns other errors as
// they are.
func credentialError(err error) error {
	if errors.Is(err, liveblog.ErrNotFound) {
		return errBadCredential
	}
	return err
}
