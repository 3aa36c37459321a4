package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"dateline/internal/liveblog"
)

// TestE2E_SecurityHeaders asks for every route that reads, as nobody and as an
// admin, and for some that do not exist.
func TestE2E_SecurityHeaders(t *testing.T) {
	t.Parallel()
	m := newMatrix(t)
	m.exec(`UPDATE blogs SET status = 'live' WHERE slug = 'other-draft'`)
	boss := cookie(m.signIn(m.admin).Access)
	c := newRawClient(t, m.node.url)
	asked := 0
	for _, header := range []string{"", boss, "Origin: https://evil.example\r\n", "Accept: text/html\r\n"} {
		for _, path := range m.readable() {
			a, err := c.one(request(http.MethodGet, path, header, ""))
			if err != nil {
				t.Fatal(err)
			}
			checkHeaders(t, path, header == boss, a)
			asked++
		}
	}
	m.node.noPanic()
	t.Logf("%d answers", asked)
}

func (m *matrix) readable() []string {
	all := []string{"/nothing", "/admin/nothing", "/api/v1/nothing", "/b/nowhere", "/b/other-draft", "/b/other-draft/feed.atom", "/b/other-draft/feed.json", "/api/v1/blogs/other-draft/posts"}
	for route := range routes {
		if method, path := m.target(route); method == http.MethodGet {
			all = append(all, path)
		}
	}
	return all
}

func checkHeaders(t *testing.T, path string, signedIn bool, a answer) {
	t.Helper()
	want := func(field, value string) {
		if got := a.header.Get(field); !strings.Contains(got, value) || got == "" {
			t.Errorf("%s (%d): %s is %q, want %q", path, a.status, field, got, value)
		}
	}
	want("X-Content-Type-Options", "nosniff")
	want("Referrer-Policy", "strict-origin-when-cross-origin")
	want("Permissions-Policy", "camera=()")
	want("Cross-Origin-Opener-Policy", "same-origin")
	for _, directive := range []string{"default-src 'none'", "script-src 'self'", "base-uri 'none'", "form-action 'self'", "frame-ancestors "} {
		want("Content-Security-Policy", directive)
	}
	if strings.Contains(a.header.Get("Content-Security-Policy"), "unsafe") {
		t.Errorf("%s: %s", path, a.header.Get("Content-Security-Policy"))
	}
	if strings.HasPrefix(path, "/admin") || strings.HasPrefix(path, "/api/") {
		want("Content-Security-Policy", "frame-ancestors 'none'")
		want("X-Frame-Options", "DENY")
	}
	if signedIn && strings.HasPrefix(path, "/api/v1/") && !strings.HasPrefix(path, "/api/v1/openapi") {
		want("Cache-Control", "no-store")
	}
	for _, never := range []string{"Set-Cookie", "Server", "X-Powered-By", "Access-Control-Allow-Credentials"} {
		if got := a.header.Get(never); got != "" {
			t.Errorf("%s: %s is %q", path, never, got)
		}
	}
	// Pictures and feeds, which caches may give to all, are the same for all.
	own := signedIn && strings.HasPrefix(path, "/api/") && !strings.Contains(a.header.Get("Cache-Control"), "public")
	if got := a.header.Get("Access-Control-Allow-Origin"); got != "" && (got != "*" || own) {
		t.Errorf("%s: Access-Control-Allow-Origin is %q", path, got)
	}
}

// TestE2E_SecurityLog does all that has to do with secrets, at the level that logs
// most, in requests that would like to write lines of their own. Then a table
// goes missing: what the database says is in the log, and nowhere else.
func TestE2E_SecurityLog(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	node := startProcess(t, s.dsn, "--log-level=debug", "--secret-key="+strings.Repeat("operators-secret", 2))
	secrets := s.useSecrets(node.url)
	hostile := request(http.MethodGet, "/b/x%0a%7B%22level%22:%22ERROR%22%7D?access_token="+secrets["access token"]+"%0d%0a", "User-Agent: x\x1b[2J\"}\t{\r\nX-Request-Id: a\"b\r\nReferer: http://x/%0a\r\n", "")
	if _, err := newRawClient(t, node.url).one(hostile); err != nil {
		t.Error(err)
	}
	s.exec(`ALTER TABLE posts RENAME TO somewhere_else`)
	s.exec(`ALTER TABLE media RENAME TO somewhere_else_too`)
	failed := s.checkFailures(node.url)
	for line := range strings.Lines(node.log.String()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry["msg"] == nil || entry["level"] == nil {
			t.Errorf("a line that is none: %q", line)
		}
		for name, secret := range secrets {
			if strings.Contains(line, secret) {
				t.Errorf("the %s is in the log: %.300s", name, line)
			}
		}
	}
	if !strings.Contains(node.log.String(), "42P01") || failed < 5 {
		t.Errorf("%d requests failed, and the log does not say why", failed)
	}
}

// useSecrets signs in, well and badly, and does what shows or takes secrets.
func (s *stage) useSecrets(node string) map[string]string {
	s.t.Helper()
	secrets := map[string]string{"password": adminPassword, "wrong password": "a wrong password that is long", "password hash": "$argon2id", "operator's secret": "operators-secret", "database's password": "dateline:"}
	var session struct {
		Token string `json:"access_token"`
	}
	in := guess(s.t, node, "admin@example.org", adminPassword)
	guess(s.t, node, "admin@example.org", secrets["wrong password"])
	if err := json.Unmarshal(in.body, &session); err != nil {
		s.t.Fatal(err)
	}
	secrets["access token"] = session.Token
	for _, line := range in.header.Values("Set-Cookie") {
		name, value, _ := strings.Cut(strings.Split(line, ";")[0], "=")
		secrets[name] = value
	}
	boss := &robot{client: newClient(), token: session.Token}
	var token struct{ Token string }
	boss.must(s.t, http.MethodPost, node+"/api/v1/tokens", map[string]any{"name": "robot", "scopes": liveblog.Scopes, "expires_in_days": 1}, &token)
	secrets["API token"] = token.Token
	boss.must(s.t, http.MethodPost, node+"/api/v1/users", map[string]any{"email": "eve@example.org", "name": "Eve", "role": "viewer", "password": "a pass phrase for eve"}, nil)
	secrets["password of another"] = "a pass phrase for eve"
	(&robot{client: newClient()}).must(s.t, http.MethodPost, node+"/api/v1/session/refresh", map[string]any{"refresh_token": secrets["dateline_refresh"]}, nil)
	for _, credential := range []string{token.Token, token.Token[:len(token.Token)-1] + "A", session.Token + "x"} {
		if _, err := (&robot{client: newClient(), token: credential}).call(s.t.Context(), http.MethodGet, node+"/api/v1/blogs", nil); err != nil {
			s.t.Error(err)
		}
	}
	return secrets
}

// checkFailures asks for everything as somebody who may, while tables are missing.
func (s *stage) checkFailures(node string) (failed int) {
	s.t.Helper()
	m := &matrix{stage: s, values: strings.NewReplacer(":slug", "our-draft", ":user_id", s.member.ID.String(), ":id", s.member.ID.String(), ":name", "800.jpg", "*file", "x")}
	boss := cookie(s.signInOn(node))
	c := newRawClient(s.t, node)
	for route := range routes {
		if route == "DELETE /api/v1/session" || strings.HasSuffix(route, "/stream") {
			continue
		}
		method, path := m.target(route)
		a, err := c.one(request(method, path, boss+"If-Match: \"v1\"\r\n", routeBodies[route]))
		if err != nil {
			s.t.Errorf("%s: %v", route, err)
		}
		if a.status >= 500 {
			failed++
		}
		for _, word := range append([]string{"somewhere", "relation", "42P01", "postgres", "dateline_test"}, internals...) {
			if strings.Contains(string(a.body), word) && !strings.HasPrefix(path, "/api/v1/openapi") && !strings.HasPrefix(path, "/api/docs") {
				s.t.Errorf("%s: %d tells of %q: %.300s", route, a.status, word, a.body)
			}
		}
	}
	return failed
}

// signInOn signs the admin in on a node with keys of its own.
func (s *stage) signInOn(node string) string {
	s.t.Helper()
	var session struct {
		Token string `json:"access_token"`
	}
	a := guess(s.t, node, "admin@example.org", adminPassword)
	if err := json.Unmarshal(a.body, &session); err != nil || session.Token == "" {
		s.t.Fatal(fmt.Errorf("sign in: %d %s %w", a.status, a.body, err))
	}
	return session.Token
}
