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
	"dateline/internal/postgres"
	"dateline/internal/proof/pgtest"
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
	server  *server.Server
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
	return newDeskWith(t, publicURL, func(*server.Options, *postgres.DB) {})
}

// newDeskWith is newEmptyDesk with parts of a test's own.
func newDeskWith(t *testing.T, publicURL string, change func(*server.Options, *postgres.DB)) *desk {
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
	options := server.Options{
		PublicURL: public, Ready: db.Ping, Blogs: db, Posts: db, Media: db, Counts: db,
		Auth: d.auth, Setup: db, Users: db, Tokens: db, Members: db,
	}
	change(&options, db)
	s, err := server.New(options)
	if err != nil {
		t.Fatal(err)
	}
	d.server, d.handler = s, s.Handler()
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
	d.exec(t, `INSERT INTO blogs (id, slug, title, status) VALUES (gen_random_uuid(), $1, 'Title', $2)`, slug, status)
}

func (d *desk) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := d.db.Pool().Exec(t.Context(), sql, args...); err != nil {
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

// Every combination of where a browser says a request comes from, with what it

// is signed, and by which method.

// What a signed-in user reads is not for a cache that others share.
