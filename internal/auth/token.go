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

// MaxTokenLife is the longest an API token can be good for.
const MaxTokenLife = 365 * 24 * time.Hour

const tokenPrefix = "dl_"

// tokenPattern: 10 characters of id, a secret of 256 bits or more.
var tokenPattern = regexp.MustCompile(`^dl_([A-Z2-7]{10})_([A-Z2-7]{43,64})$`)

// NewToken fills t with an id, the hash of a fresh secret and its end of life,
// and returns what the client sends: "dl_<id>_<secret>". Nothing else has the secret.
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

// isToken reports whether a credential claims to be an API token.
func isToken(credential string) bool { return strings.HasPrefix(credential, tokenPrefix) }

// usable reports whether the secret is that of a token which is still good.
func usable(t *liveblog.Token, secret string) bool {
	sum := sha256.Sum256([]byte(secret))
	same := subtle.ConstantTimeCompare(sum[:], t.Hash) == 1
	return same && t.RevokedAt == nil && !t.Expired
}
