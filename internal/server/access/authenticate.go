package access

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"dateline/internal/auth"
	"dateline/internal/liveblog"
	"dateline/internal/server/cache"
	"dateline/internal/server/middleware"
	"dateline/internal/server/problem"

	"github.com/gin-gonic/gin"
)

const (
	// provenLife is how long a credential that was good is asked about before others.
	provenLife = 10 * time.Minute
	// maxProven is how many such credentials one half of the cache holds.
	maxProven = 4096
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

// foreign reports whether a page of another origin makes a browser send r, whatever its method.
func (a *Authenticator) foreign(r *http.Request) bool {
	asked := http.Request{Method: http.MethodPost, URL: r.URL, Host: r.Host, Header: r.Header} // as if it changed something
	return a.crossOrigin.Check(&asked) != nil
}

// checkOrigin refuses changes that a page of another site makes a browser request. A browser
// never sends a Bearer credential on its own. With cookies, a browser that is too old to say
// where a request comes from is refused as well.
func (a *Authenticator) checkOrigin(r *http.Request, b Browser, bearer bool) error {
	if bearer {
		return nil
	}
	silent := r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == ""
	safe := r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions
	if a.crossOrigin.Check(r) != nil || b.signedIn() && silent && !safe {
		return liveblog.Errorf(liveblog.ErrForbidden, "cross_origin", "changes are taken from pages of this site only")
	}
	return nil
}

// newCrossOrigin trusts the product's own public origin, which differs from the Host header
// behind some proxies. public may be nil.
func newCrossOrigin(public *url.URL) (*http.CrossOriginProtection, error) {
	c := http.NewCrossOriginProtection()
	if public == nil {
		return c, nil
	}
	return c, c.AddTrustedOrigin(public.Scheme + "://" + public.Host)
}

// principal returns whose a credential is. A credential that was not good a short time ago
// counts as anonymous until the answer is there, at the cost of its address.
func (a *Authenticator) principal(ctx context.Context, credential string) (p *liveblog.Principal, err error) {
	key := credentialKey(credential)
	read := func(ctx context.Context) (*liveblog.Principal, error) { return a.auth.Principal(ctx, credential) }
	if a.proven.has(key) {
		p, err = read(liveblog.WithAnonymous(ctx, false))
	} else {
		p, err = ReadOnce(ctx, a.reads, key, read)
	}
	a.proven.note(key, err)
	return p, err
}

func credentialKey(credential string) string {
	sum := sha256.Sum256([]byte(credential))
	return "credential " + string(sum[:])
}

// Proven reports whether the credential of a request was good a short time ago.
func (a *Authenticator) Proven(r *http.Request) bool {
	credential, isBearer, err := bearerOf(r)
	if err == nil && !isBearer {
		var b Browser
		b, err = a.browser(r)
		credential = b.access
	}
	return err == nil && credential != "" && a.proven.has(credentialKey(credential))
}

// proven remembers which credentials were good a short time ago. They are checked as often as
// others, but never wait behind a burst of made-up ones.
type proven struct {
	mu   sync.Mutex
	good *cache.Generations[string, struct{}]
}

func newProven() *proven {
	return &proven{good: cache.NewGenerations[string, struct{}](maxProven, provenLife)}
}

func (p *proven) has(key string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, known := p.good.Get(key)
	return known
}

// note keeps the result of a check.
func (p *proven) note(key string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err == nil:
		p.good.Put(key, struct{}{})
	case errors.Is(err, liveblog.ErrUnauthorized):
		p.good.Forget(key)
	}
}

type (
	browserKey   struct{}
	badCookieKey struct{}
)

// withPrincipal notes whose request ctx belongs to. The principal is proven, and so no longer
// anonymous.
func withPrincipal(ctx context.Context, p *liveblog.Principal) context.Context {
	a := liveblog.ActorOf(ctx)
	a.Principal = p
	return liveblog.WithAnonymous(liveblog.WithActor(ctx, a), false)
}

func withBrowser(ctx context.Context, b Browser) context.Context {
	return context.WithValue(ctx, browserKey{}, b)
}

// BrowserOf returns what the cookies and headers of the request say of its sender.
func BrowserOf(ctx context.Context) Browser {
	b, _ := ctx.Value(browserKey{}).(Browser)
	return b
}

func withBadCookie(ctx context.Context, err error) context.Context {
	return context.WithValue(ctx, badCookieKey{}, err)
}

// badCookie is why an access cookie was not accepted. What anyone may read is answered all the
// same, so that no page fails for an old cookie.
func badCookie(ctx context.Context) error {
	err, _ := ctx.Value(badCookieKey{}).(error)
	return err
}
