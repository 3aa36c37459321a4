package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"regexp"

	"dateline/internal/liveblog"
)

// KeyLength is the length of every stored secret and the minimum length of the
// operator's secret, in bytes.
const KeyLength = 32

// RefreshKeyID is the id of the key of refresh tokens, device cookies and view tokens. It
// is never replaced: that would end all sessions.
const RefreshKeyID = "refresh"

// accessKeyID matches the id of a key of access tokens, in the table and in the header of
// a JWT.
var accessKeyID = regexp.MustCompile(`^access-[1-9][0-9]{0,5}$`)

// Keys are the effective keys of a node.
type Keys struct {
	access map[string][]byte // every key that verifies
	newest string            // the key that signs
	root   []byte            // other keys are derived from it, see purpose
}

// NewKeys derives the effective keys from the stored ones, the oldest first, and from the
// operator's secret, which may be empty. With a secret, a copy of the database is not
// enough to forge a token. A secret shorter than KeyLength is an error.
func NewKeys(stored []liveblog.SigningKey, secret []byte) (*Keys, error) {
	if len(secret) > 0 && len(secret) < KeyLength {
		return nil, fmt.Errorf("the secret key must have at least %d bytes", KeyLength)
	}
	k := &Keys{access: map[string][]byte{}}
	for _, row := range stored {
		if len(row.Secret) < KeyLength {
			return nil, fmt.Errorf("signing key %s is too short", row.ID)
		}
		k.add(row.ID, mac(secret, row.Secret))
	}
	if k.newest == "" || k.root == nil {
		return nil, fmt.Errorf("the database holds no signing keys")
	}
	return k, nil
}

func (k *Keys) add(id string, key []byte) {
	switch {
	case id == RefreshKeyID:
		k.root = key
	case accessKeyID.MatchString(id):
		k.access[id] = key
		k.newest = id
	}
}

// purpose derives the key of one use from the permanent one.
func (k *Keys) purpose(name string) []byte { return mac(k.root, []byte(name)) }

func mac(key, message []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(message)
	return h.Sum(nil)
}
