package server

import (
	"net/http"
	"net/url"

	"dateline/internal/liveblog"
)

// newCrossOrigin trusts the product's own public origin, which a proxy may
// have changed in the Host header.
func newCrossOrigin(public *url.URL) (*http.CrossOriginProtection, error) {
	c := http.NewCrossOriginProtection()
	if public == nil {
		return c, nil
	}
	return c, c.AddTrustedOrigin(public.Scheme + "://" + public.Host)
}

// checkOrigin refuses changes that another site's page makes a browser ask
// for. A Bearer credential is never sent by a browser on its own. With cookies,
// a browser too old to say where a request comes from is refused as well.
func (s *Server) checkOrigin(r *http.Request, b browser, bearer bool) error {
	if bearer {
		return nil
	}
	if err := s.crossOrigin.Check(r); err != nil {
		return crossOrigin()
	}
	silent := r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == ""
	if b.signedIn() && silent && !safe(r.Method) {
		return crossOrigin()
	}
	return nil
}

func safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

func crossOrigin() error {
	return liveblog.Errorf(liveblog.ErrForbidden, "cross_origin", "changes are taken from pages of this site only")
}
