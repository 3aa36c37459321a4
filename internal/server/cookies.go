package server

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"dateline/internal/auth"
	"dateline/internal/liveblog"
	"dateline/internal/server/problem"
)

// The cookies of a signed-in browser. Over HTTPS their names get the prefix
// that binds them to this host (RFC 6265bis, section 4.1.3.2).
const (
	accessCookie  = "dateline_access"
	refreshCookie = "dateline_refresh"
	deviceCookie  = "dateline_device"
	hostPrefix    = "__Host-"
)

// browser is what the cookies and headers of a request say of its sender.
type browser struct {
	access, refresh, device string
	userAgent               string
}

// signedIn reports whether the browser shows any cookie that could do something.
func (b browser) signedIn() bool { return b.access != "" || b.refresh != "" }

func (b browser) client() auth.Browser {
	return auth.Browser{Device: b.device, UserAgent: b.userAgent}
}

// readBrowser refuses two cookies of one name with different values: one of
// them was planted from a neighbouring host. Public pages are the same for
// everybody: theirs are not looked at. Nor are those that a page of another origin
// makes the browser send.
func (s *Server) readBrowser(r *http.Request) (browser, error) {
	b := browser{userAgent: r.UserAgent()}
	if !privatePath(r) || len(r.Header["Cookie"]) > 0 && s.foreign(r) {
		return b, nil
	}
	for name, value := range map[string]*string{accessCookie: &b.access, refreshCookie: &b.refresh, deviceCookie: &b.device} {
		for i, c := range r.CookiesNamed(s.cookieName(name)) {
			if i > 0 && *value != c.Value {
				return b, liveblog.Errorf(problem.ErrBadRequest, "duplicate_cookie", "a session cookie came twice; clear the cookies of this site")
			}
			*value = c.Value
		}
	}
	return b, nil
}

// usableCookies gives the error of cookies that contradict each other to what
// signs in or out by them. What anyone may read goes without.
func usableCookies(ctx context.Context) error {
	if err := badCookie(ctx); errors.Is(err, problem.ErrBadRequest) {
		return err
	}
	return nil
}

func (s *Server) secure() bool {
	return s.options.PublicURL != nil && strings.EqualFold(s.options.PublicURL.Scheme, "https")
}

func (s *Server) cookieName(name string) string {
	if s.secure() {
		return hostPrefix + name
	}
	return name
}

func (s *Server) cookie(name, value string, expires time.Time) http.Cookie {
	return http.Cookie{
		Name: s.cookieName(name), Value: value, Path: "/", Expires: expires,
		HttpOnly: true, Secure: s.secure(), SameSite: http.SameSiteStrictMode,
	}
}

// keep are the cookies that sign a browser in.
func (s *Server) keep(in *auth.SignedIn) []http.Cookie {
	now := time.Now()
	return []http.Cookie{
		s.cookie(accessCookie, in.Access, now.Add(auth.AccessTTL)),
		s.cookie(refreshCookie, in.Refresh, in.Session.ExpiresAt),
		s.cookie(deviceCookie, in.Device, now.Add(auth.DeviceTTL)),
	}
}

// forget are the cookies that sign a browser out. It stays a known device.
func (s *Server) forget() []http.Cookie {
	a, r := s.cookie(accessCookie, "", time.Time{}), s.cookie(refreshCookie, "", time.Time{})
	a.MaxAge, r.MaxAge = -1, -1
	return []http.Cookie{a, r}
}
