package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"strings"
	"time"

	"github.com/google/uuid"
)

// DeviceTTL is how long a browser is remembered after a sign-in.
const DeviceTTL = 180 * 24 * time.Hour

const maxDevice = 128 // bytes

// Devices signs and verifies the cookie "<id>.<mac>" by which a browser shows
// that an account once signed in with it. It proves no identity: it only buys
// sign-in attempts that strangers can't use up (OWASP calls it device cookies).
type Devices struct {
	key []byte
}

// NewDevices derives its key from the permanent one.
func NewDevices(keys *Keys) *Devices { return &Devices{key: keys.purpose("device cookie")} }

// Issue returns a new cookie for an account.
func (d *Devices) Issue(user uuid.UUID) string { return d.sign(rand.Text(), user) }

// ID returns the id in a cookie that was issued for this account.
func (d *Devices) ID(cookie string, user uuid.UUID) (id string, ok bool) {
	id, _, _ = strings.Cut(cookie, ".")
	ok = len(cookie) <= maxDevice && hmac.Equal([]byte(d.sign(id, user)), []byte(cookie))
	return id, ok
}

func (d *Devices) sign(id string, user uuid.UUID) string {
	return id + "." + url64.EncodeToString(mac(d.key, []byte(user.String()+" "+id)))
}
