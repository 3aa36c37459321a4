package auth

import (
	"crypto/hmac"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

const maxRefreshToken = 256 // bytes

var url64 = base64.RawURLEncoding.Strict()

// RefreshTokens signs and verifies refresh tokens, "<session id>.<generation>.<mac>". The
// MAC is deterministic: two tabs that ask for the successor of one token get the same
// one.
type RefreshTokens struct {
	key []byte
}

// NewRefreshTokens derives the key of refresh tokens from the permanent one.
func NewRefreshTokens(keys *Keys) *RefreshTokens {
	return &RefreshTokens{key: keys.purpose("refresh token")}
}

// Sign returns the refresh token of a session's generation.
func (r *RefreshTokens) Sign(session uuid.UUID, generation int64) string {
	body := fmt.Sprintf("%s.%d", session, generation)
	return body + "." + url64.EncodeToString(mac(r.key, []byte(body)))
}

// Verify returns the session and generation of an authentic token, or ErrUnauthorized. It
// does not know whether the generation is the current one.
func (r *RefreshTokens) Verify(token string) (session uuid.UUID, generation int64, err error) {
	parts := strings.Split(token, ".")
	if len(token) > maxRefreshToken || len(parts) != 3 {
		return session, 0, errBadCredential
	}
	session, canonical := canonicalUUID(parts[0])
	generation, err = strconv.ParseInt(parts[1], 10, 64)
	if err != nil || !canonical || !hmac.Equal([]byte(r.Sign(session, generation)), []byte(token)) {
		return uuid.UUID{}, 0, errBadCredential
	}
	return session, generation, nil
}
