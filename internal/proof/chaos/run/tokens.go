//go:build unix

package run

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// mint makes a token as an operator does.
func (s *stage) mint(ctx context.Context) (string, error) {
	return s.bed.Token(ctx, "read", "posts:write")
}

// revoke ends a token. There is no command for it, and the API asks for a person:
// the row is changed as both would do it, and the nodes read the row.
func (s *stage) revoke(ctx context.Context, token string) error {
	id, err := tokenID(token)
	if err != nil {
		return err
	}
	if err := s.sql(ctx, `UPDATE api_tokens SET revoked_at = now() WHERE id = $1`, id); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.revoked.IsZero() {
		s.revoked = time.Now()
	}
	return nil
}

// revocation is when the first token was revoked; zero before.
func (s *stage) revocation() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.revoked
}

// expire makes a token whose time is over.
func (s *stage) expire(ctx context.Context) error {
	token, err := s.mint(ctx)
	if err != nil {
		return err
	}
	id, err := tokenID(token)
	if err != nil {
		return err
	}
	s.expired = token
	return s.sql(ctx, `UPDATE api_tokens SET expires_at = now() - interval '1 second' WHERE id = $1`, id)
}

// tokenID is the public part of dl_<id>_<secret>.
func tokenID(token string) (string, error) {
	parts := strings.Split(token, "_")
	if len(parts) != 3 {
		return "", fmt.Errorf("a token has %d parts", len(parts))
	}
	return parts[1], nil
}
