package auth

import (
	"fmt"
	"regexp"
	"time"

	"dateline/internal/liveblog"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// AccessTTL is how long an access token is valid.
const AccessTTL = 5 * time.Minute

const (
	maxJWT     = 4 << 10 // bytes; longer ones are not even parsed
	issuer     = "dateline"
	audience   = "dateline-api"
	typeAccess = "access"
)

// compact is the only accepted form (RFC 7515, section 3.1). Go's base64 decoder skips
// line ends, which would give one token many spellings.
var compact = regexp.MustCompile(`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`)

// AccessTokens signs and verifies the JWTs of signed-in users (RFC 7519; RFC 8725 says
// what to reject).
type AccessTokens struct {
	keys   *Keys
	now    func() time.Time
	parser *jwt.Parser
}

// Claims are the claims of a verified access token.
type Claims struct {
	UserID    uuid.UUID
	SessionID uuid.UUID
}

// accessClaims is the payload of the JWT.
type accessClaims struct {
	jwt.RegisteredClaims
	Type    string `json:"typ"`
	Session string `json:"sid"`
}

// NewAccessTokens returns the tokens of a set of keys. now is their clock.
func NewAccessTokens(keys *Keys, now func() time.Time) *AccessTokens {
	return &AccessTokens{keys: keys, now: now, parser: jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(30*time.Second), // nodes whose clocks differ
		jwt.WithIssuer(issuer),
		jwt.WithAudience(audience),
		jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(now),
	)}
}

// Sign issues a token for a session. It is valid for AccessTTL.
func (t *AccessTokens) Sign(c Claims) (string, error) {
	now := t.now()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, accessClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Audience: jwt.ClaimStrings{audience}, Subject: c.UserID.String(),
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(AccessTTL)),
		},
		Type: typeAccess, Session: c.SessionID.String(),
	})
	token.Header["kid"] = t.keys.newest
	signed, err := token.SignedString(t.keys.access[t.keys.newest])
	if err != nil {
		return "", fmt.Errorf("sign access token: %w", err)
	}
	return signed, nil
}

// Verify returns the claims of a token, or ErrUnauthorized. It does not know whether the
// session was revoked.
func (t *AccessTokens) Verify(token string) (Claims, error) {
	if len(token) > maxJWT || !compact.MatchString(token) {
		return Claims{}, errBadCredential
	}
	var c accessClaims
	if _, err := t.parser.ParseWithClaims(token, &c, t.key); err != nil || c.Type != typeAccess {
		return Claims{}, errBadCredential
	}
	user, userOK := canonicalUUID(c.Subject)
	session, sessionOK := canonicalUUID(c.Session)
	if !userOK || !sessionOK {
		return Claims{}, errBadCredential
	}
	return Claims{UserID: user, SessionID: session}, nil
}

// key returns the key whose id the header has. It rejects headers with parameters that
// Sign does not set: such a header asks for processing that does not happen here
// ("crit" of RFC 7515, section 4.1.11, or a key in the header), and the library
// ignores them.
func (t *AccessTokens) key(token *jwt.Token) (any, error) {
	kid, _ := token.Header["kid"].(string)
	key, known := t.keys.access[kid]
	if len(token.Header) != 3 || token.Header["typ"] != "JWT" || !accessKeyID.MatchString(kid) || !known {
		return nil, jwt.ErrTokenUnverifiable
	}
	return key, nil
}

// errBadCredential is the one error for every credential that is not valid.
var errBadCredential = liveblog.Errorf(liveblog.ErrUnauthorized, "bad_credential", "the credential is not valid, or no longer")

// canonicalUUID parses a UUID in the form of 36 characters in lower case only, so that an
// id has one spelling.
func canonicalUUID(s string) (uuid.UUID, bool) {
	id, err := uuid.Parse(s)
	return id, err == nil && id.String() == s
}
