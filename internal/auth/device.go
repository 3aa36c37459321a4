package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"strings"
	"time"

	"github.com/google/uuid"
)

// DeviceTTL is how long a device cookie is valid after a sign-in.
const DeviceTTL = 180 * 24 * time.Hour

const maxDevice = 128 // bytes

// Devices signs and verifies device cookies, "<id>.<mac>": a browser shows by one that an
// account signed in with it before. A device cookie proves no identity. It gives a
// browser sign-in attempts that others cannot use up (OWASP, "Slow Down Online
// Guessing Attacks with Device Cookies").
type Devices struct {
	key []byte
}

// NewDevices derives the key of device cookies from the permanent one.
func NewDevices(keys *Keys) *Devices { return &Devices{key: keys.purpose("device cookie")} }

// Issue returns a new cookie for an account.
func (d *Devices) Issue(user uuid.UUID) string { return d.sign(rand.Text(), user) }

// ID returns the id of a cookie; ok reports whether it was issued for this account.
func (d *Devices) ID(cookie string, user uuid.UUID) (id string, ok bool) {
	id, _, _ = strings.Cut(cookie, ".")
	ok = len(cookie) <= maxDevice && hmac.Equal([]byte(d.sign(id, user)), []byte(cookie))
	return id, ok
}

func (d *Devices) sign(id string, user uuid.UUID) string {
	return id + "." + url64.EncodeToString(mac(d.key, []byte(user.String()+" "+id)))
}
