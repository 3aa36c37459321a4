package server_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"dateline/internal/auth"
	"dateline/internal/liveblog"
	"dateline/internal/pgtest"
	"dateline/internal/postgres"
	"dateline/internal/server"
)

const (
	adminEmail  = "admin@example.org"
	goodPhrase  = "tr0ubadour-and-3"
	otherPhrase = "another-g00d-one"
)

// desk is a server on a database of its own, with an admin.
type desk struct {
	db      *postgres.DB
	auth    *auth.Service
	handler http.Handler
	admin   *liveblog.User
}

func newDesk(t *testing.T, publicURL string) *desk {
	t.Helper()
	d := newEmptyDesk(t, publicURL)
	d.admin = d.addUser(t, adminEmail, liveblog.RoleAdmin)
	return d
}

func newEmptyDesk(t *testing.T, publicURL string) *desk {
	t.Helper()
	db := pgtest.New(t)
	stored, err := db.SigningKeys(t.Context(), liveblog.Actor{})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := auth.NewKeys(stored, nil)
	if err != nil {
		t.Fatal(err)
	}
	public, err := url.Parse(publicURL)
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{db: db, auth: auth.NewService(db, keys, time.Now)}
	s, err := server.New(server.Options{
		PublicURL: public, Ready: db.Ping, Blogs: db, Posts: db,
		Auth: d.auth, Setup: db, Users: db, Tokens: db, Members: db,
	})
	if err != nil {
		t.Fatal(err)
	}
	d.handler = s.Handler()
	return d
}

func (d *desk) addUser(t *testing.T, email string, role liveblog.Role) *liveblog.User {
	t.Helper()
	hash, err := d.auth.HashPassword(t.Context(), goodPhrase, email, "")
	if err != nil {
		t.Fatal(err)
	}
	u := &liveblog.User{Email: email, Name: "Some One", Role: role, PasswordHash: hash}
	if err := d.db.CreateUser(t.Context(), liveblog.Actor{}, u); err != nil {
		t.Fatal(err)
	}
	return u
}

func (d *desk) addBlog(t *testing.T, slug, status string) {
	t.Helper()
	_, err := d.db.Pool().Exec(t.Context(), `INSERT INTO blogs (id, slug, title, status) VALUES (gen_random_uuid(), $1, 'Title', $2)`, slug, status)
	if err != nil {
		t.Fatal(err)
	}
}

// client is a browser: it keeps cookies and says where its requests come from.
type client struct {
	handler http.Handler
	cookies map[string]*http.Cookie
	header  http.Header
}

func (d *desk) browser() *client {
	return &client{d.handler, map[string]*http.Cookie{}, http.Header{"Sec-Fetch-Site": {"same-origin"}}}
}

// program is a client without cookies that sends a Bearer credential.
func (d *desk) program(credential string) *client {
	return &client{d.handler, nil, http.Header{"Authorization": {"Bearer " + credential}}}
}

func (c *client) do(method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), method, path, strings.NewReader(body))
	r.Header = c.header.Clone()
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, cookie := range c.cookies {
		r.AddCookie(cookie)
	}
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, r)
	c.keep(w.Result().Cookies())
	return w
}

func (c *client) keep(cookies []*http.Cookie) {
	for _, cookie := range cookies {
		switch {
		case c.cookies == nil:
		case cookie.MaxAge < 0:
			delete(c.cookies, cookie.Name)
		default:
			c.cookies[cookie.Name] = cookie
		}
	}
}

func signInBody(email, phrase string) string {
	return `{"email":"` + email + `","password":"` + phrase + `"}`
}

// signedIn is a browser in which a user signed in.
func (d *desk) signedIn(t *testing.T, email string) *client {
	t.Helper()
	c := d.browser()
	if w := c.do("POST", "/api/v1/session", signInBody(email, goodPhrase)); w.Code != http.StatusOK {
		t.Fatalf("sign in: %d %s", w.Code, w.Body)
	}
	return c
}

// step is one request and what its answer must be.
type step struct {
	name, method, path, body string
	status                   int
	want                     []string // in the body
}

// never are texts that no answer may hold: hashes, SQL, Go.
var never = []string{"$argon2id", "password_hash", "SQLSTATE", "SELECT", "pgx", "dateline/internal", ".go:", "goroutine", goodPhrase, otherPhrase}

func (c *client) run(t *testing.T, steps []step) {
	t.Helper()
	for _, s := range steps {
		w := c.do(s.method, s.path, s.body)
		body := w.Body.String()
		if w.Code != s.status {
			t.Errorf("%s: status %d, want %d: %s", s.name, w.Code, s.status, body)
		}
		for _, text := range s.want {
			if !strings.Contains(body, text) {
				t.Errorf("%s: no %s in %s", s.name, text, body)
			}
		}
		for _, text := range never {
			if strings.Contains(body, text) {
				t.Errorf("%s: the answer holds %q: %s", s.name, text, body)
			}
		}
		if w.Code >= 400 && w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: content type %q", s.name, w.Header().Get("Content-Type"))
		}
	}
}

func field(t *testing.T, w *httptest.ResponseRecorder, name string) string {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	text, _ := body[name].(string)
	return text
}

func TestSession_Scenarios(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	d.browser().run(t, []step{
		{"not signed in", "GET", "/api/v1/session", "", 401, []string{`"code":"not_signed_in"`}},
		{"wrong password", "POST", "/api/v1/session", signInBody(adminEmail, "wrong"), 401, []string{`"code":"bad_login"`}},
		{"unknown user", "POST", "/api/v1/session", signInBody("nobody@example.org", goodPhrase), 401, []string{`"code":"bad_login"`}},
		{"empty password", "POST", "/api/v1/session", signInBody(adminEmail, ""), 422, []string{"body.password"}},
		{"no body", "POST", "/api/v1/session", "", 400, nil},
		{"broken JSON", "POST", "/api/v1/session", `{"email":`, 400, nil},
		{"unknown field", "POST", "/api/v1/session", `{"email":"a@b.c","password":"x","role":"admin"}`, 422, []string{"role"}},
		{"text for a number", "POST", "/api/v1/session", `{"email":1,"password":"x"}`, 422, nil},
		{"huge body", "POST", "/api/v1/session", signInBody(adminEmail, strings.Repeat("x", 5000)), 413, nil},
		{"refresh of nothing", "POST", "/api/v1/session/refresh", "", 401, nil},
		{"refresh of rubbish", "POST", "/api/v1/session/refresh", `{"refresh_token":"a.1.b"}`, 401, nil},
		{"sign out of nothing", "DELETE", "/api/v1/session", "", 204, nil},
		{"change of nobody's password", "PUT", "/api/v1/account/password", `{"current_password":"x","new_password":"y"}`, 401, nil},
		{"right", "POST", "/api/v1/session", signInBody(" ADMIN@example.org", goodPhrase), 200, []string{`"access_token":"ey`, `"expires_in":300`, `"role":"admin"`}},
	})
	d.signedIn(t, adminEmail).run(t, []step{
		{"who am I", "GET", "/api/v1/session", "", 200, []string{`"email":"admin@example.org"`, `"user.manage"`}},
		{"refresh", "POST", "/api/v1/session/refresh", "", 200, []string{`"access_token"`}},
		{"still signed in", "GET", "/api/v1/session", "", 200, nil},
		{"wrong current password", "PUT", "/api/v1/account/password", `{"current_password":"x","new_password":"` + otherPhrase + `"}`, 422, []string{"body.current_password"}},
		{"weak password", "PUT", "/api/v1/account/password", `{"current_password":"` + goodPhrase + `","new_password":"passwordpassword"}`, 422, []string{`"code":"weak_password"`, "body.new_password"}},
		{"sign out", "DELETE", "/api/v1/session", "", 204, nil},
		{"signed out", "GET", "/api/v1/session", "", 401, nil},
	})
}

func TestSession_Cookies(t *testing.T) {
	t.Parallel()
	for publicURL, prefix := range map[string]string{"http://localhost:8080": "", "https://live.example.org": "__Host-"} {
		d := newDesk(t, publicURL)
		c := d.signedIn(t, adminEmail)
		for _, name := range []string{"dateline_access", "dateline_refresh", "dateline_device"} {
			cookie := c.cookies[prefix+name]
			if cookie == nil {
				t.Fatalf("%s: no cookie %s%s", publicURL, prefix, name)
			}
			strict := cookie.HttpOnly && cookie.SameSite == http.SameSiteStrictMode && cookie.Path == "/" && cookie.Domain == ""
			if !strict || cookie.Secure != (prefix != "") || cookie.Expires.Before(time.Now()) {
				t.Errorf("%s: %v", publicURL, cookie)
			}
		}
		c.do("DELETE", "/api/v1/session", "")
		if len(c.cookies) != 1 {
			t.Errorf("after signing out there are cookies besides that of the device: %v", c.cookies)
		}
	}
}

func TestSession_TwoCookiesOfOneName(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	c := d.signedIn(t, adminEmail)
	c.cookies["planted"] = &http.Cookie{Name: "dateline_access", Value: "planted"}
	c.run(t, []step{{"different", "GET", "/api/v1/session", "", 400, []string{`"code":"duplicate_cookie"`}}})
	c.cookies["planted"] = c.cookies["dateline_access"]
	c.run(t, []step{{"the same twice", "GET", "/api/v1/session", "", 200, nil}})
}

func TestSession_BadCredentials(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	d.addBlog(t, "cup-final", "live")
	stale := d.browser()
	stale.cookies["dateline_access"] = &http.Cookie{Name: "dateline_access", Value: "stale"}
	stale.run(t, []step{
		{"a cookie does not stop a reader", "GET", "/api/v1/blogs/cup-final", "", 200, nil},
		{"nor signing in", "GET", "/api/v1/setup", "", 200, nil},
		{"but gives no rights", "GET", "/api/v1/users", "", 401, []string{`"code":"bad_credential"`}},
	})
	for _, credential := range []string{"stale", "", "dl_AAAAAAAAAA_" + strings.Repeat("A", 52), "a.b.c"} {
		d.program(credential).run(t, []step{
			{"Bearer " + credential, "GET", "/api/v1/blogs/cup-final", "", 401, []string{`"code":"bad_credential"`}},
		})
	}
	proxied := d.browser()
	proxied.header.Set("Authorization", "Basic dXNlcjpwYXNz")
	proxied.run(t, []step{{"another scheme is not ours", "GET", "/api/v1/blogs/cup-final", "", 200, nil}})
	proxied.header.Add("Authorization", "Bearer x")
	proxied.run(t, []step{{"two schemes", "GET", "/api/v1/blogs/cup-final", "", 400, nil}})
}

func TestSession_PasswordChangeLeavesThisBrowserOnly(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	here, elsewhere := d.signedIn(t, adminEmail), d.signedIn(t, adminEmail)
	here.run(t, []step{
		{"change", "PUT", "/api/v1/account/password", `{"current_password":"` + goodPhrase + `","new_password":"` + otherPhrase + `"}`, 204, nil},
		{"here", "GET", "/api/v1/session", "", 200, nil},
	})
	elsewhere.run(t, []step{
		{"elsewhere", "GET", "/api/v1/session", "", 401, nil},
		{"refresh elsewhere", "POST", "/api/v1/session/refresh", "", 401, nil},
		{"old password", "POST", "/api/v1/session", signInBody(adminEmail, goodPhrase), 401, nil},
		{"new password", "POST", "/api/v1/session", signInBody(adminEmail, otherPhrase), 200, nil},
	})
}

func TestSession_ThrottledSignInSaysWhen(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	known, c := d.signedIn(t, adminEmail), d.browser()
	for range 10 {
		c.do("POST", "/api/v1/session", signInBody(adminEmail, "wrong"))
	}
	w := c.do("POST", "/api/v1/session", signInBody(adminEmail, goodPhrase))
	wait := w.Header().Get("Retry-After")
	if w.Code != http.StatusTooManyRequests || len(wait) != 3 { // some 300 seconds
		t.Errorf("%d, Retry-After %q: %s", w.Code, wait, w.Body)
	}
	known.run(t, []step{{"known device", "POST", "/api/v1/session", signInBody(adminEmail, goodPhrase), 200, nil}})
}

func TestSession_RefreshByBody(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	token := d.signedIn(t, adminEmail).cookies["dateline_refresh"].Value
	script := &client{d.handler, nil, http.Header{}}
	w := script.do("POST", "/api/v1/session/refresh", `{"refresh_token":"`+token+`"}`)
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	d.program(field(t, w, "access_token")).run(t, []step{{"with the new token", "GET", "/api/v1/session", "", 200, nil}})
}

func TestSetup_Scenarios(t *testing.T) {
	t.Parallel()
	d := newEmptyDesk(t, "http://live.example.org")
	link, err := d.db.CreateSetupToken(t.Context(), liveblog.Actor{})
	if err != nil {
		t.Fatal(err)
	}
	claim := func(token, email, phrase string) string {
		return `{"token":"` + token + `","name":"Anna","email":"` + email + `","password":"` + phrase + `"}`
	}
	d.browser().run(t, []step{
		{"needed", "GET", "/api/v1/setup", "", 200, []string{`{"needed":true}`}},
		{"wrong link", "POST", "/api/v1/setup", claim("wrong", adminEmail, goodPhrase), 403, []string{`"code":"setup_link_invalid"`}},
		{"weak password", "POST", "/api/v1/setup", claim(link, adminEmail, "short"), 422, []string{`"code":"weak_password"`}},
		{"no address", "POST", "/api/v1/setup", claim(link, "anna", goodPhrase), 422, []string{"body.email"}},
		{"claim", "POST", "/api/v1/setup", claim(link, adminEmail, goodPhrase), 201, []string{`"role":"admin"`, `"access_token"`}},
		{"signed in by it", "GET", "/api/v1/session", "", 200, nil},
		{"over", "GET", "/api/v1/setup", "", 200, []string{`{"needed":false}`}},
		{"second claim", "POST", "/api/v1/setup", claim(link, "b@example.org", goodPhrase), 409, []string{`"code":"setup_done"`}},
	})
}

func TestUsers_Scenarios(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	anna := "/api/v1/users/" + d.addUser(t, "anna@example.org", liveblog.RoleEditor).ID.String()
	root := "/api/v1/users/" + d.admin.ID.String()
	create := func(email, role, phrase string) string {
		return `{"email":"` + email + `","name":"B","role":"` + role + `","password":"` + phrase + `"}`
	}
	d.signedIn(t, adminEmail).run(t, []step{
		{"list", "GET", "/api/v1/users", "", 200, []string{adminEmail, "anna@example.org", `"next_cursor":""`}},
		{"create", "POST", "/api/v1/users", create("B@example.org", "viewer", goodPhrase), 201, []string{`"email":"b@example.org"`, `"disabled":false`}},
		{"taken", "POST", "/api/v1/users", create("b@example.org", "viewer", goodPhrase), 409, []string{`"code":"email_taken"`}},
		{"weak password", "POST", "/api/v1/users", create("c@example.org", "viewer", "123456789012"), 422, []string{"body.password"}},
		{"bad role", "POST", "/api/v1/users", create("c@example.org", "owner", goodPhrase), 422, []string{"body.role"}},
		{"bad address", "POST", "/api/v1/users", create("c c@example.org", "viewer", goodPhrase), 422, []string{"body.email"}},
		{"NUL in the name", "PATCH", anna, `{"name":"a\u0000b"}`, 422, nil},
		{"rename", "PATCH", anna, `{"name":"Anna  B."}`, 200, []string{`"name":"Anna B."`, `"role":"editor"`}},
		{"promote", "PATCH", anna, `{"role":"admin"}`, 200, []string{`"role":"admin"`}},
		{"demote", "PATCH", anna, `{"role":"editor"}`, 200, nil},
		{"last admin demoted", "PATCH", root, `{"role":"editor"}`, 409, []string{`"code":"last_admin"`}},
		{"last admin disabled", "PATCH", root, `{"disabled":true}`, 409, []string{`"code":"last_admin"`}},
		{"password by PATCH", "PATCH", anna, `{"password":"x"}`, 422, nil},
		{"address by PATCH", "PATCH", anna, `{"email":"x@example.org"}`, 422, nil},
		{"unknown", "PATCH", "/api/v1/users/6f1f64b8-63f6-4a3b-9d5d-0a0b1c7f1e11", `{}`, 404, nil},
		{"no id", "PATCH", "/api/v1/users/1", `{}`, 404, nil},
		{"still admin", "GET", "/api/v1/session", "", 200, []string{`"role":"admin"`}},
	})
	d.signedIn(t, "anna@example.org").run(t, []step{
		{"an editor may not list", "GET", "/api/v1/users", "", 403, []string{`"code":"not_allowed"`}},
		{"nor create", "POST", "/api/v1/users", create("d@example.org", "admin", goodPhrase), 403, nil},
		{"nor promote", "PATCH", anna, `{"role":"admin"}`, 403, nil},
		{"nor make tokens", "POST", "/api/v1/tokens", `{"name":"x","scopes":["read"],"expires_in_days":1}`, 403, nil},
	})
}

func TestUsers_DisabledIsOutAtOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	anna := d.addUser(t, "anna@example.org", liveblog.RoleEditor)
	hers, admin := d.signedIn(t, anna.Email), d.signedIn(t, adminEmail)
	bearer := d.program(hers.cookies["dateline_access"].Value)
	bearer.run(t, []step{{"before", "GET", "/api/v1/session", "", 200, nil}})
	admin.run(t, []step{{"disable", "PATCH", "/api/v1/users/" + anna.ID.String(), `{"disabled":true}`, 200, []string{`"disabled":true`}}})
	bearer.run(t, []step{{"by Bearer", "GET", "/api/v1/session", "", 401, nil}})
	hers.run(t, []step{
		{"by cookie", "GET", "/api/v1/session", "", 401, nil},
		{"by refresh", "POST", "/api/v1/session/refresh", "", 401, nil},
		{"by password", "POST", "/api/v1/session", signInBody(anna.Email, goodPhrase), 401, []string{`"code":"bad_login"`}},
	})
}

func TestTokens_Scenarios(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	d.addBlog(t, "cup-final", "live")
	admin := d.signedIn(t, adminEmail)
	body := func(scopes, more string) string {
		return `{"name":"wire","scopes":` + scopes + `,"expires_in_days":30` + more + `}`
	}
	made := admin.do("POST", "/api/v1/tokens", body(`["read"]`, ""))
	secret, id := field(t, made, "token"), field(t, made, "id")
	if made.Code != http.StatusCreated || !strings.HasPrefix(secret, "dl_"+id+"_") {
		t.Fatalf("%d %s", made.Code, made.Body)
	}
	admin.run(t, []step{
		{"list", "GET", "/api/v1/tokens", "", 200, []string{id, `"scopes":["read"]`, `"last_used_at":null`}},
		{"no scopes", "POST", "/api/v1/tokens", body(`[]`, ""), 422, nil},
		{"unknown scope", "POST", "/api/v1/tokens", body(`["admin"]`, ""), 422, nil},
		{"scope twice", "POST", "/api/v1/tokens", body(`["read","read"]`, ""), 422, nil},
		{"two years", "POST", "/api/v1/tokens", `{"name":"x","scopes":["read"],"expires_in_days":730}`, 422, nil},
		{"no expiry", "POST", "/api/v1/tokens", `{"name":"x","scopes":["read"]}`, 422, nil},
		{"unknown blog", "POST", "/api/v1/tokens", body(`["read"]`, `,"blog":"nowhere"`), 404, nil},
		{"bound to a blog", "POST", "/api/v1/tokens", body(`["read"]`, `,"blog":"cup-final"`), 201, []string{`"blog":"cup-final"`}},
		{"unknown token", "DELETE", "/api/v1/tokens/AAAAAAAAAA", "", 404, nil},
	})
	if list := admin.do("GET", "/api/v1/tokens", "").Body.String(); strings.Contains(list, secret[14:]) {
		t.Errorf("the list shows a secret: %s", list)
	}
	program := d.program(secret)
	program.run(t, []step{
		{"reads", "GET", "/api/v1/blogs/cup-final", "", 200, nil},
		{"has no account", "GET", "/api/v1/session", "", 403, nil},
		{"does not manage users", "GET", "/api/v1/users", "", 403, nil},
		{"makes no tokens", "POST", "/api/v1/tokens", body(`["read"]`, ""), 403, nil},
		{"changes no blog", "POST", "/api/v1/blogs/cup-final/end", "", 403, nil},
	})
	admin.run(t, []step{{"revoke", "DELETE", "/api/v1/tokens/" + id, "", 204, nil}})
	program.run(t, []step{{"revoked", "GET", "/api/v1/blogs/cup-final", "", 401, nil}})
}

func TestTokens_BoundBlog(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	d.addBlog(t, "our-draft", "draft")
	d.addBlog(t, "other-draft", "draft")
	made := d.signedIn(t, adminEmail).do("POST", "/api/v1/tokens", `{"name":"x","scopes":["read","blogs:write"],"expires_in_days":1,"blog":"our-draft"}`)
	d.program(field(t, made, "token")).run(t, []step{
		{"own draft", "GET", "/api/v1/blogs/our-draft", "", 200, nil},
		{"another draft is not even there", "GET", "/api/v1/blogs/other-draft", "", 404, nil},
		{"nor can it be opened", "POST", "/api/v1/blogs/other-draft/reopen", "", 404, nil},
		{"no further blog", "POST", "/api/v1/blogs", `{"slug":"third","title":"Third"}`, 403, nil},
	})
}

func TestMembers_Scenarios(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	d.addBlog(t, "our-draft", "draft")
	d.addBlog(t, "other-draft", "draft")
	anna := d.addUser(t, "anna@example.org", liveblog.RoleViewer)
	path := "/api/v1/blogs/our-draft/members/" + anna.ID.String()
	admin, hers := d.signedIn(t, adminEmail), d.signedIn(t, anna.Email)
	admin.run(t, []step{
		{"nobody yet", "GET", "/api/v1/blogs/our-draft/members", "", 200, []string{`"items":[]`}},
		{"no member", "GET", path, "", 404, nil},
		{"bad role", "PUT", path, `{"role":"admin"}`, 422, nil},
		{"unknown user", "PUT", "/api/v1/blogs/our-draft/members/6f1f64b8-63f6-4a3b-9d5d-0a0b1c7f1e11", `{"role":"editor"}`, 404, nil},
		{"no id", "PUT", "/api/v1/blogs/our-draft/members/1", `{"role":"editor"}`, 404, nil},
		{"unknown blog", "PUT", "/api/v1/blogs/nowhere/members/" + anna.ID.String(), `{"role":"editor"}`, 404, nil},
		{"add", "PUT", path, `{"role":"editor"}`, 200, []string{`"role":"editor"`, anna.Email}},
		{"read", "GET", path, "", 200, []string{anna.Email}},
		{"list", "GET", "/api/v1/blogs/our-draft/members", "", 200, []string{anna.Email}},
	})
	hers.run(t, []step{
		{"a member edits", "POST", "/api/v1/blogs/our-draft/reopen", "", 200, nil},
		{"this blog only", "POST", "/api/v1/blogs/other-draft/reopen", "", 403, nil},
		{"and manages nobody", "PUT", path, `{"role":"editor"}`, 403, nil},
	})
	admin.run(t, []step{
		{"remove", "DELETE", path, "", 204, nil},
		{"remove again", "DELETE", path, "", 404, nil},
	})
	hers.run(t, []step{{"at once no editor", "POST", "/api/v1/blogs/our-draft/end", "", 403, nil}})
}

// Every combination of where a browser says a request comes from, with what it
// is signed, and by which method.
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
	r := httptest.NewRequest("POST", "/api/v1/session", strings.NewReader(signInBody(adminEmail, goodPhrase)))
	r.Header.Set("Content-Type", "text/plain")
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	if w.Code != http.StatusUnsupportedMediaType {
		t.Errorf("a form that poses as JSON: %d %s", w.Code, w.Body)
	}
}

// What a signed-in user reads is not for a cache that others share.
func TestSession_AnswersAreNotStored(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	c := d.signedIn(t, adminEmail)
	for _, path := range []string{"/api/v1/session", "/api/v1/users", "/api/v1/tokens", "/api/v1/setup"} {
		if got := c.do("GET", path, "").Header().Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s: Cache-Control %q", path, got)
		}
	}
}
