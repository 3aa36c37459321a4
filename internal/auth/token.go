package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"regexp"
	"strings"
	"time"

	"dateline/internal/liveblog"
)

// MaxTokenLife is the longest time that an API token can be valid.
const MaxTokenLife = 365 * 24 * time.Hour

const tokenPrefix = "dl_"

// tokenPattern matches a token: an id of 10 characters, a secret of at least 215 bits.
var tokenPattern = regexp.MustCompile(`^dl_([A-Z2-7]{10})_([A-Z2-7]{43,64})$`)

// NewToken sets the id, the hash of a new secret and the end of life of t. It returns the
// token as clients send it: "dl_<id>_<secret>". The secret is not stored.
func NewToken(t *liveblog.Token, now time.Time, life time.Duration) string {
	secret := rand.Text() + rand.Text()
	sum := sha256.Sum256([]byte(secret))
	t.ID = rand.Text()[:10]
	t.Hash = sum[:]
	t.ExpiresAt = now.Add(min(life, MaxTokenLife)).UTC()
	return tokenPrefix + t.ID + "_" + secret
}

// parseToken splits an API token into its id and its secret.
func parseToken(s string) (id, secret string, ok bool) {
	m := tokenPattern.FindStringSubmatch(s)
	if m == nil {
		return "", "", false
	}
	return m[1], m[2], true
}

// isToken reports whether a credential has the prefix of an API token.
func isToken(credential string) bool { return strings.HasPrefix(credential, tokenPrefix) }

// usable reports whether the secret is that of t, and t is neither revoked nor expired.
func usable(t *liveblog.Token, secret string) bool {
	sum := sha256.Sum256([]byte(secret))
	same := subtle.ConstantTimeCompare(sum[:], t.Hash) == 1
	return same && t.RevokedAt == nil && !t.Expired
}
