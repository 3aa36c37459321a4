package access

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"dateline/internal/auth"
	"dateline/internal/liveblog"
	"dateline/internal/server/middleware"
	"dateline/internal/server/problem"

	"github.com/gin-gonic/gin"
)

// Authenticator finds out whose a request is.
type Authenticator struct {
	auth        *auth.Service
	cookies     Cookies
	crossOrigin *http.CrossOriginProtection
	proven      *proven
	reads       *Reads
}

// NewAuthenticator makes an Authenticator for the product at a public URL, which may be nil.
func NewAuthenticator(service *auth.Service, public *url.URL, reads *Reads) (*Authenticator, error) {
	crossOrigin, err := newCrossOrigin(public)
	if err != nil {
		return nil, err
	}
	return &Authenticator{auth: service, cookies: NewCookies(public), crossOrigin: crossOrigin, proven: newProven(), reads: reads}, nil
}

// Authenticate finds out whose a request is before its route is asked. A bad Bearer credential
// is refused at once; for a bad cookie see badCookie.
func (a *Authenticator) Authenticate(c *gin.Context) {
	ctx, err := a.AuthenticateRequest(c.Request)
	if err != nil {
		problem.Fail(c, err)
		return
	}
	if !liveblog.PrincipalOf(ctx).Anonymous() {
		c.Header("Cache-Control", "no-store")
		if middleware.Private(c.Request) && c.GetHeader("Authorization") == "" { // the session of a person, which other sites never use
			middleware.KeepFromOtherSites(c.Writer.Header())
		}
	}
	c.Request = c.Request.WithContext(ctx)
	c.Next()
}

// AuthenticateRequest returns the context of r with its principal and its browser.
func (a *Authenticator) AuthenticateRequest(r *http.Request) (context.Context, error) {
	bearer, isBearer, err := bearerOf(r)
	if err != nil {
		return nil, err
	}
	b, bad := a.browser(r)
	if err := a.checkOrigin(r, b, isBearer); err != nil {
		return nil, err
	}
	ctx := withBrowser(r.Context(), b)
	switch {
	case isBearer:
		p, err := a.principal(ctx, bearer)
		if err != nil {
			return nil, err
		}
		return withPrincipal(ctx, p), nil
	case bad != nil:
		return withBadCookie(withBrowser(ctx, Browser{userAgent: b.userAgent}), bad), nil
	case b.access == "":
		return ctx, nil
	}
	p, err := a.principal(ctx, b.access)
	if err != nil {
		return withBadCookie(ctx, err), nil
	}
	return withPrincipal(ctx, p), nil
}

// bearerOf reads a credential from Authorization (RFC 6750). Other schemes are for others, such
// as a proxy that asks for a password.
func bearerOf(r *http.Request) (credential string, found bool, err error) {
	values := r.Header.Values("Authorization")
	if len(values) > 1 {
		return "", false, liveblog.Errorf(problem.ErrBadRequest, "duplicate_authorization", "Authorization came twice")
	}
	if len(values) == 0 {
		return "", false, nil
	}
	scheme, credential, _ := strings.Cut(values[0], " ")
	return strings.TrimSpace(credential), strings.EqualFold(scheme, "Bearer"), nil
}

// browser reads the cookies of a request. Public pages are the same for everybody: cookies do
// not count there. Nor do those that a page of another origin makes the browser send.
func (a *Authenticator) browser(r *http.Request) (Browser, error) {
	b := Browser{userAgent: r.UserAgent()}
	if !middleware.Private(r) || len(r.Header["Cookie"]) > 0 && a.foreign(r) {
		return b, nil
	}
	return a.cookies.read(r, b)
}
