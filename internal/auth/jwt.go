package auth

import (
	"fmt"
	"regexp"
	"time"

	"dateline/internal/liveblog"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// AccessTTL is how long an access token is good for.
const AccessTTL = 5 * time.Minute

const (
	maxJWT     = 4 << 10 // bytes; longer ones are not even parsed
	issuer     = "dateline"
	audience   = "dateline-api"
	typeAccess = "access"
)

// compact is the only form taken (RFC 7515, section 3.1). Go's base64 decoder
// would skip line ends, so that one token had many spellings.
var compact = regexp.MustCompile(`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`)

// AccessTokens signs and verifies the JWTs of signed-in users (RFC 7519, and
// RFC 8725 for what to refuse).
type AccessTokens struct {
	keys   *Keys
	now    func() time.Time
	parser *jwt.Parser
}

// Claims are what a verified access token says.
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

// NewAccessTokens uses now as its clock.
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

// Sign issues a token for a session, good for AccessTTL.
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

// Verify returns what the token says, or ErrUnauthorized. Whether the session
// still stands only the database knows.
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

// key finds the key that the header names, in our own table and nowhere else. A
// header that says more than ours do asks for what we would not do ("crit" of RFC
// 7515, section 4.1.11, a key of its own), though the library passes over it.
func (t *AccessTokens) key(token *jwt.Token) (any, error) {
	kid, _ := token.Header["kid"].(string)
	key, known := t.keys.access[kid]
	if len(token.Header) != 3 || token.Header["typ"] != "JWT" || !accessKeyID.MatchString(kid) || !known {
		return nil, jwt.ErrTokenUnverifiable
	}
	return key, nil
}

// errBadCredential says the same of every credential that is not good.
var errBadCredential = liveblog.Errorf(liveblog.ErrUnauthorized, "bad_credential", "the credential is not valid, or no longer")

// canonicalUUID takes the form of 36 characters in lower case only, so that
// one id has one spelling.
func canonicalUUID(s string) (uuid.UUID, bool) {
	id, err := uuid.Parse(s)
	return id, err == nil && id.String() == s
}
