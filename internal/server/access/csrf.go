package access

import (
	"net/http"
	"net/url"

	"dateline/internal/liveblog"
)

// newCrossOrigin trusts the product's own public origin, which differs from the Host header
// behind some proxies. public may be nil.
func newCrossOrigin(public *url.URL) (*http.CrossOriginProtection, error) {
	c := http.NewCrossOriginProtection()
	if public == nil {
		return c, nil
	}
	return c, c.AddTrustedOrigin(public.Scheme + "://" + public.Host)
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
