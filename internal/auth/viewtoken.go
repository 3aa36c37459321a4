package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	stdhash "hash"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	// ViewTokenTTL is how long a page may report views with a token.
	ViewTokenTTL = 24 * time.Hour
	// clockSkew is how far the clock of the node that issued a token may be ahead. It is
	// generous, since only nodes can issue tokens.
	clockSkew = time.Hour

	viewTokenBody = 4 + 8 // bytes: seconds since 1970, a random id
	viewTokenMAC  = 16    // bytes
	viewTokenText = 38    // characters
)

// ViewTokens signs and verifies view tokens. A page shows by one that it followed a blog,
// and its reports of views are told apart from those of other pages. A token identifies
// no person and is not stored. Every reader receives one: to issue or to verify it takes
// a microsecond and no query.
type ViewTokens struct {
	now  func() time.Time
	macs sync.Pool // of hash.Hash, under the key
}

// NewViewTokens derives the key of view tokens from the permanent one, which all nodes
// share. now is their clock.
func NewViewTokens(keys *Keys, now func() time.Time) *ViewTokens {
	key := keys.purpose("view token")
	return &ViewTokens{now: now, macs: sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

// Issue returns a new token for a page of the blog.
func (v *ViewTokens) Issue(blogID uuid.UUID) string {
	b := make([]byte, 0, viewTokenBody+sha256.Size)
	b = binary.BigEndian.AppendUint32(b, uint32(v.now().Unix())) // fits until 2106
	b = binary.BigEndian.AppendUint64(b, rand.Uint64())          // need not be secret: the MAC cannot be guessed
	return url64.EncodeToString(v.sign(b, blogID)[:viewTokenBody+viewTokenMAC])
}

// Valid reports whether a token was issued for this blog within the last day.
func (v *ViewTokens) Valid(token string, blogID uuid.UUID) bool {
	if len(token) != viewTokenText { // the decoder skips line ends: one token would have many spellings
		return false
	}
	b, err := url64.DecodeString(token)
	if err != nil || len(b) != viewTokenBody+viewTokenMAC {
		return false
	}
	room := make([]byte, viewTokenBody, viewTokenBody+sha256.Size)
	copy(room, b)
	if !hmac.Equal(v.sign(room, blogID)[:len(b)], b) {
		return false
	}
	age := v.now().Sub(time.Unix(int64(binary.BigEndian.Uint32(b)), 0))
	return age > -clockSkew && age < ViewTokenTTL
}

// sign appends the MAC of a blog and of b to b.
func (v *ViewTokens) sign(b []byte, blogID uuid.UUID) []byte {
	h := v.macs.Get().(stdhash.Hash)
	defer v.macs.Put(h)
	h.Reset()
	h.Write(blogID[:])
	h.Write(b)
	return h.Sum(b)
}
