package auth

import (
	"context"
	"errors"
	"time"

	"dateline/internal/liveblog"
)

// touchEvery is how exact the time of a token's last use is.
const touchEvery = time.Minute

// Principal finds who a credential belongs to: an API token or an access token.
// It asks the database each time, once, so that what is revoked or disabled on
// one node is so on all. The error is ErrUnauthorized for any credential that
// is not good, and ErrUnavailable when that can't be known now.
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
		return nil, refusal(err)
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
		return nil, refusal(err)
	}
	if !usable(token, secret) {
		return nil, errBadCredential
	}
	return tokenPrincipal(token), s.touch(ctx, token)
}

func tokenPrincipal(t *liveblog.Token) *liveblog.Principal {
	return &liveblog.Principal{TokenID: t.ID, TokenName: t.Name, Scopes: t.Scopes, BlogID: t.BlogID}
}

// touch writes at most once a minute for each token.
func (s *Service) touch(ctx context.Context, t *liveblog.Token) error {
	if t.LastUsedAt != nil && s.now().Sub(*t.LastUsedAt) < touchEvery {
		return nil
	}
	return s.store.TouchToken(ctx, t.ID)
}

// refusal turns "there is none" into "not valid", and keeps other trouble.
func refusal(err error) error {
	if errors.Is(err, liveblog.ErrNotFound) {
		return errBadCredential
	}
	return err
}
