package e2e

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

const (
	ourOrigin  = "https://live.example.org"
	hostCookie = "__Host-dateline_access="
)

// sender is what a browser says of where a request comes from; "" is not sent.
type sender struct{ site, origin string }

// senders are all combinations, and whether a signed-in browser may change
// anything by a request that says so. The browser's own word of the site counts
// first; a proxy may have changed the host, so our public origin is always good.
func senders() map[sender]bool {
	all := map[sender]bool{}
	for _, site := range []string{"", "same-origin", "none", "same-site", "cross-site", "nonsense"} {
		for _, origin := range []string{"", ourOrigin, "http://dateline.example", "https://evil.example", "null", "https://live.example.org.evil.example", "http://live.example.org", "https://live.example.org:8443", "nonsense"} {
			same := site == "same-origin" || site == "none" || origin == ourOrigin
			all[sender{site, origin}] = same || site == "" && origin == "http://dateline.example" // the request's own host
		}
	}
	return all
}

func (s sender) header() string {
	h := ""
	if s.site != "" {
		h += "Sec-Fetch-Site: " + s.site + "\r\n"
	}
	if s.origin != "" {
		h += "Origin: " + s.origin + "\r\n"
	}
	return h
}

// TestE2E_SecurityCSRF sends every change that the router knows as pages of other
// sites could make a browser send it, and as programs do.
func TestE2E_SecurityCSRF(t *testing.T) {
	t.Parallel()
	m := newMatrix(t)
	front := startPublic(t, m.dsn, ourOrigin, fast)
	access := m.signIn(m.admin).Access
	before, cells := m.rows(), 0
	c := newRawClient(t, front.url)
	for from, good := range senders() {
		for _, route := range changes() {
			method, path := m.target(route)
			cells += m.forge(c, method, path, from, access, good)
		}
	}
	m.forms(c, access)
	m.overrides(c, access)
	if after := m.rows(); !maps.Equal(before, after) {
		t.Errorf("something changed: %v, %v", before, after)
	}
	m.cookies(c, access)
	t.Logf("%d changes x %d senders: %d requests", len(changes()), len(senders()), cells)
}

// changes are the routes that are not for reading.
func changes() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(routes)), func(r string) bool {
		return strings.HasPrefix(r, "GET ") || strings.HasPrefix(r, "HEAD ")
	})
}

// forge sends one change with a body that no route takes, so that nothing happens
// even where it may: by a browser, by one that is not signed in, by a program.
func (m *matrix) forge(c *rawClient, method, path string, from sender, access string, good bool) (sent int) {
	silent := from == sender{}
	for name, try := range map[string]struct {
		credential string
		allowed    bool
	}{
		"browser": {"Cookie: " + hostCookie + access + "\r\n", good}, "stranger": {"", good || silent},
		"browser with a refresh token": {"Cookie: __Host-dateline_refresh=x\r\n", good}, "known device": {"Cookie: __Host-dateline_device=x\r\n", good || silent},
		"program": {bearer(access), true},
	} {
		if try.allowed && (method == http.MethodDelete || strings.HasSuffix(path, "/reopen")) {
			continue // would do it
		}
		a, err := c.one(request(method, path, try.credential+from.header(), `[7]`))
		crossed := strings.Contains(string(a.body), `"cross_origin"`)
		if err != nil || crossed == try.allowed || crossed != (a.status == http.StatusForbidden) && a.status != http.StatusUnauthorized || a.status < 400 {
			m.t.Errorf("%s %s by a %s, %+v: %d %.200s %v, allowed must be %v", method, path, name, from, a.status, a.body, err, try.allowed)
		}
		sent++
	}
	return sent
}

// forms are what a page can send without asking, from browsers too old to say
// where it comes from: refused with a cookie, of a wrong type without one.
func (m *matrix) forms(c *rawClient, access string) {
	for _, route := range changes() {
		method, path := m.target(route)
		if method != http.MethodPost {
			continue
		}
		for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain; charset=application/json", ""} {
			body := strings.Replace(request(method, path, "@", routeBodies[route]+" "), typeField+": application/json", typeField+": "+kind, 1)
			refusal := http.StatusForbidden
			if strings.Contains(kind, "charset") { // which is none: refused before anybody asks who sends it
				refusal = http.StatusUnsupportedMediaType
			}
			for credential, withCookie := range map[string]bool{"Cookie: " + hostCookie + access + "\r\n": true, "": false} {
				a, err := c.one(strings.Replace(body, "@", credential, 1))
				if err != nil || a.status < 400 || a.header.Get("Set-Cookie") != "" || withCookie && a.status != refusal {
					m.t.Errorf("form of %q to %s, cookie %v: %d %.200s %v", kind, path, withCookie, a.status, a.body, err)
				}
			}
		}
	}
}

// overrides ask for a change by reading.
func (m *matrix) overrides(c *rawClient, access string) {
	from := sender{site: "same-origin"}.header() + "Cookie: " + hostCookie + access + "\r\n"
	for route := range routes {
		method, path := m.target(route)
		if strings.HasSuffix(path, "/stream") || path == "/readyz" {
			continue // this node follows nothing
		}
		if method != http.MethodGet && method != http.MethodHead {
			method = http.MethodGet
		}
		for _, other := range []string{"DELETE", "POST", "PATCH"} {
			header := "X-HTTP-Method-Override: " + other + "\r\nX-Method-Override: " + other + "\r\nX-HTTP-Method: " + other + "\r\n"
			if a, err := c.one(request(method, path+"?_method="+other, from+header, "")); err != nil || a.status >= 500 || a.header.Get("Set-Cookie") != "" {
				m.t.Errorf("%s %s posing as %s: %d %.200s %v", method, path, other, a.status, a.body, err)
			}
		}
	}
}

// cookies are planted by a neighbouring host, or by a plain HTTP page of our own.
func (m *matrix) cookies(c *rawClient, access string) {
	eve := m.signIn(m.member).Access
	for _, test := range []struct {
		name, cookies string
		status        int
	}{
		{"good", hostCookie + access, 200},
		{"twice the same", hostCookie + access + "; " + hostCookie + access, 200},
		{"ours, then another", hostCookie + access + "; " + hostCookie + eve, 400},
		{"another, then ours", hostCookie + eve + "; " + hostCookie + access, 400},
		{"ours, then empty", hostCookie + access + "; " + hostCookie, 400},
		{"empty, then another", hostCookie + "; " + hostCookie + eve, 400},
		{"without the prefix", "dateline_access=" + access, 401},
		{"beside one without the prefix", "dateline_access=" + eve + "; " + hostCookie + access, 200},
		{"__Secure-", "__Secure-dateline_access=" + access, 401},
		{"small letters", "__host-dateline_access=" + access, 401},
		{"capitals", "__HOST-DATELINE_ACCESS=" + access, 401},
		{"space of Unicode before the name", "\u2000" + hostCookie + access, 401},
		{"space of Unicode behind the name", "__Host-dateline_access\u00a0=" + access, 401},
		{"full-width letters", "__Host-d\uff41teline_access=" + access, 401},
		{"byte that is no text", "\xa0" + hostCookie + access, 401},
		{"name within a value", "x=" + hostCookie + access, 401},
		{"old syntax", `$Version=1; x="; ` + hostCookie + access + `"`, 401},
		{"no name", "=" + hostCookie + access, 401},
		{"tab before the name", "x=y;\t" + hostCookie + access, 200},
		{"in a second header", "x=y\r\nCookie: " + hostCookie + access, 200},
		{"another in a second header", hostCookie + access + "\r\nCookie: " + hostCookie + eve, 400},
		{"comma", "x=y, " + hostCookie + access, 401},
	} {
		a, err := c.one(request("GET", "/api/v1/session", "Cookie: "+test.cookies+"\r\n", ""))
		if err != nil || a.status != test.status || test.status == 200 && !strings.Contains(string(a.body), adminUser) {
			m.t.Errorf("cookie %s: %d %.200s %v, want %d", test.name, a.status, a.body, err, test.status)
		}
	}
}

const adminUser = `"admin@example.org"`
