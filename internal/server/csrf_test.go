package server_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestCSRF_Matrix(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "https://live.example.org")
	d.addBlog(t, "cup-final", "live")
	access := d.signedIn(t, adminEmail).cookies["__Host-dateline_access"]
	sites := map[string]bool{"same-origin": true, "none": true, "same-site": false, "cross-site": false}
	origins := map[string]bool{"https://live.example.org": true, "http://example.com": true, "https://evil.example": false, "null": false}
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		for _, credential := range []string{"cookie", "bearer", "nothing"} {
			try := func(site, origin string, allowed bool) {
				if method == "GET" || credential == "bearer" {
					allowed = true
				}
				c := &client{d.handler, nil, http.Header{}}
				if site != "" {
					c.header.Set("Sec-Fetch-Site", site)
				}
				if origin != "" {
					c.header.Set("Origin", origin)
				}
				switch credential {
				case "cookie":
					c.cookies = map[string]*http.Cookie{access.Name: access}
				case "bearer":
					c.header.Set("Authorization", "Bearer "+access.Value)
				}
				w := c.do(method, "/api/v1/users", "")
				refused := strings.Contains(w.Body.String(), `"code":"cross_origin"`)
				if refused == allowed || refused != (w.Code == http.StatusForbidden) {
					t.Errorf("%s with %s, Sec-Fetch-Site %q, Origin %q: %d, allowed must be %v", method, credential, site, origin, w.Code, allowed)
				}
			}
			for site, same := range sites {
				try(site, "", same)
				try(site, "https://evil.example", same) // the browser's own word counts first
			}
			for origin, same := range origins {
				try("", origin, same)
			}
			try("", "", credential != "cookie")
			try("cross-site", "https://live.example.org", true) // behind a proxy that renames the host
		}
	}
}

func TestCSRF_SignInFromAnotherSite(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	evil := d.browser()
	evil.header.Set("Sec-Fetch-Site", "cross-site")
	evil.run(t, []step{
		{"sign in", "POST", "/api/v1/session", signInBody(adminEmail, goodPhrase), 403, []string{`"code":"cross_origin"`}},
		{"refresh", "POST", "/api/v1/session/refresh", "", 403, nil},
		{"setup", "POST", "/api/v1/setup", `{"token":"x","name":"x","email":"a@b.c","password":"x"}`, 403, nil},
		{"sign out", "DELETE", "/api/v1/session", "", 403, nil},
	})
	form := d.browser()
	form.header.Set("Content-Type", "text/plain")
	r := httptest.NewRequest(http.MethodPost, "/api/v1/session", strings.NewReader(signInBody(adminEmail, goodPhrase)))
	r.Header.Set("Content-Type", "text/plain")
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	if w.Code != http.StatusUnsupportedMediaType {
		t.Errorf("a form that poses as JSON: %d %s", w.Code, w.Body)
	}
}
