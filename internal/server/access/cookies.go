package access

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"dateline/internal/auth"
	"dateline/internal/liveblog"
	"dateline/internal/server/problem"
)

// The cookies of a signed-in browser. Over HTTPS their names get the prefix that binds them
// to this host (RFC 6265bis, section 4.1.3.2).
const (
	accessCookie  = "dateline_access"
	refreshCookie = "dateline_refresh"
	deviceCookie  = "dateline_device"
	hostPrefix    = "__Host-"
)

// Browser is what the cookies and headers of a request say of its sender.
type Browser struct {
	Refresh        string // the session's refresh token
	access, device string
	userAgent      string
}

// signedIn reports whether the browser sends any cookie that could do something.
func (b Browser) signedIn() bool { return b.access != "" || b.Refresh != "" }

// Client is the sender as a session keeps it.
func (b Browser) Client() auth.Browser {
	return auth.Browser{Device: b.device, UserAgent: b.userAgent}
}

// UsableCookies returns the error of cookies that contradict each other, for operations that
// sign in or out by them. Others do without.
func UsableCookies(ctx context.Context) error {
	if err := badCookie(ctx); errors.Is(err, problem.ErrBadRequest) {
		return err
	}
	return nil
}

// Cookies makes and reads the cookies of sessions.
type Cookies struct{ secure bool }

// NewCookies makes cookies for the product's public URL, which may be nil.
func NewCookies(public *url.URL) Cookies {
	return Cookies{secure: public != nil && strings.EqualFold(public.Scheme, "https")}
}

// read refuses two cookies of one name with different values: one of them was planted from a
// neighbouring host.
func (k Cookies) read(r *http.Request, b Browser) (Browser, error) {
	for name, value := range map[string]*string{accessCookie: &b.access, refreshCookie: &b.Refresh, deviceCookie: &b.device} {
		for i, c := range r.CookiesNamed(k.name(name)) {
			if i > 0 && *value != c.Value {
				return b, liveblog.Errorf(problem.ErrBadRequest, "duplicate_cookie", "a session cookie came twice; clear the cookies of this site")
			}
			*value = c.Value
		}
	}
	return b, nil
}

func (k Cookies) name(name string) string {
	if k.secure {
		return hostPrefix + name
	}
	return name
}

func (k Cookies) cookie(name, value string, expires time.Time) http.Cookie {
	return http.Cookie{
		Name: k.name(name), Value: value, Path: "/", Expires: expires,
		HttpOnly: true, Secure: k.secure, SameSite: http.SameSiteStrictMode,
	}
}

// SignIn returns the cookies that sign a browser in.
func (k Cookies) SignIn(in *auth.SignedIn) []http.Cookie {
	now := time.Now()
	return []http.Cookie{
		k.cookie(accessCookie, in.Access, now.Add(auth.AccessTTL)),
		k.cookie(refreshCookie, in.Refresh, in.Session.ExpiresAt),
		k.cookie(deviceCookie, in.Device, now.Add(auth.DeviceTTL)),
	}
}

// SignOut returns the cookies that sign a browser out. It stays a known device.
func (k Cookies) SignOut() []http.Cookie {
	out := []http.Cookie{k.cookie(accessCookie, "", time.Time{}), k.cookie(refreshCookie, "", time.Time{})}
	for i := range out {
		out[i].MaxAge = -1
	}
	return out
}
