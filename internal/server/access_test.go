package server_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"dateline/internal/auth"
	"dateline/internal/liveblog"
	"dateline/internal/postgres"
	"dateline/internal/server"
	"dateline/internal/server/access"
	"dateline/internal/server/pages"
	"dateline/web"

	"github.com/google/uuid"
)

// The router serves what the access table lists, and nothing else.
func TestAccess_TableIsWhatTheRouterServes(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	listed := map[string]bool{}
	for _, a := range d.server.Access() {
		if a.Action == "" {
			t.Errorf("%s %s has no action", a.Method, a.Path)
		}
		listed[a.Method+" "+a.Path] = true
	}
	served := map[string]bool{}
	param := regexp.MustCompile(`:(\w+)`)
	for _, r := range d.server.Routes() {
		route := r.Method + " " + param.ReplaceAllString(r.Path, "{$1}")
		if served[route] = true; !listed[route] {
			t.Errorf("%s is not in the table", route)
		}
		if head := strings.Replace(route, "GET ", "HEAD ", 1); !listed[head] {
			t.Errorf("%s is missing", head)
		}
	}
	if len(served) != len(listed) {
		t.Errorf("%d routes are served, %d listed", len(served), len(listed))
	}
}

// A route with an action that nobody may take is refused, whatever kind it is: JSON, page, feed,
// file, image, stream or health.
func TestAccess_EveryKindOfRouteAsksThePolicy(t *testing.T) {
	t.Parallel()
	var closed *server.Server
	d := newDeskWith(t, "http://live.example.org", func(o *server.Options, db *postgres.DB) {
		renderer, err := pages.NewRenderer(web.Templates, web.Assets)
		if err != nil {
			t.Fatal(err)
		}
		o.Renderer, o.Pages = renderer, db
		if closed, err = server.NewWithAction(*o, "nobody.may"); err != nil {
			t.Fatal(err)
		}
	})
	d.addBlog(t, "our-draft", "live")
	d.addUser(t, adminEmail, liveblog.RoleAdmin)
	admin := d.signedIn(t, adminEmail)
	admin.handler, d.handler = closed.Handler(), closed.Handler()
	for _, a := range closed.Access() {
		c, want := admin, http.StatusForbidden
		if !strings.HasPrefix(a.Path, "/api/") && !strings.HasPrefix(a.Path, "/admin") {
			c, want = d.browser(), http.StatusUnauthorized // nobody is known there
		}
		if w := c.ask(a); w.Code != want {
			t.Errorf("%s %s: %d %s", a.Method, a.Path, w.Code, w.Body)
		}
	}
}

// No other spelling of a path leads around the policy.
func TestAccess_PathVariants(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	for _, path := range []string{
		"/api/v1/users", "/api/v1/users/", "//api/v1/users", "/api//v1/users", "/API/v1/users", "/api/v1/Users", "/api/v1/%75sers",
		"/api/v1/users%2f", "/api/v1/users;x", "/api/v1/users/..;/users", "/api/v1/./users", "/api/v1/x/../users", "/api/v1/users?x=/setup", "/api/v1/users%00",
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS", "TRACE", "QUERY"} {
			w := d.browser().do(method, path, "")
			told := method == http.MethodOptions && w.Code == http.StatusNoContent && w.Body.Len() == 0
			if w.Code < http.StatusBadRequest && !told {
				t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
			}
		}
	}
}

// bodies are what huma accepts for each operation that takes a body, so that a
// request gets as far as the policy.
var bodies = map[string]string{
	"POST /api/v1/blogs":                         `{"slug":"new-blog","title":"New"}`,
	"PATCH /api/v1/blogs/{slug}":                 `{}`,
	"PUT /api/v1/blogs/{slug}/pinned":            `{"post_id":null}`,
	"POST /api/v1/blogs/{slug}/posts":            `{"body":"Text","status":"submitted"}`,
	"PATCH /api/v1/blogs/{slug}/posts/{id}":      `{}`,
	"PUT /api/v1/blogs/{slug}/members/{user_id}": `{"role":"viewer"}`,
	"PATCH /api/v1/media/{id}":                   `{}`,
	"POST /api/v1/preview":                       `{"body":"Text"}`,
	"PUT /api/v1/account/password":               `{"current_password":"x","new_password":"x"}`,
	"POST /api/v1/users":                         `{"email":"x@y","name":"x","role":"viewer","password":"x"}`,
	"PATCH /api/v1/users/{id}":                   `{}`,
	"POST /api/v1/tokens":                        `{"name":"x","scopes":["read"],"expires_in_days":1}`,
}

// actors are one principal of each kind, with a client that acts for it. The
// member has a role on our-draft only, and the bound token is of other-draft.
func (d *desk) actors(t *testing.T, ours, other uuid.UUID) map[*client]*liveblog.Principal {
	t.Helper()
	all := map[*client]*liveblog.Principal{d.browser(): {}}
	for _, role := range []liveblog.Role{liveblog.RoleViewer, liveblog.RoleContributor, liveblog.RoleEditor, liveblog.RoleAdmin} {
		u := d.addUser(t, string(role)+"@example.org", role)
		all[d.signedIn(t, u.Email)] = &liveblog.Principal{User: u, Role: role}
	}
	member := d.addUser(t, "member@example.org", liveblog.RoleViewer)
	if _, err := d.db.SetMember(t.Context(), liveblog.Actor{}, ours, member.ID, liveblog.RoleEditor); err != nil {
		t.Fatal(err)
	}
	all[d.signedIn(t, member.Email)] = &liveblog.Principal{User: member, Role: member.Role}
	for _, token := range []*liveblog.Token{
		{Scopes: []liveblog.Scope{liveblog.ScopeRead}},
		{Scopes: []liveblog.Scope{liveblog.ScopePostWrite}},
		{Scopes: liveblog.Scopes},
		{Scopes: liveblog.Scopes, BlogID: &other},
	} {
		secret := auth.NewToken(token, time.Now(), time.Hour)
		if err := d.db.CreateToken(t.Context(), liveblog.Actor{}, token); err != nil {
			t.Fatal(err)
		}
		all[d.program(secret)] = &liveblog.Principal{TokenID: token.ID, Scopes: token.Scopes, BlogID: token.BlogID}
	}
	return all
}

// Every principal asks for every route that is not public, on a draft. What the
// policy refuses must be refused with its words, and nothing else may be.
func TestAccess_Matrix(t *testing.T) {
	t.Parallel()
	d := newEmptyDesk(t, "http://live.example.org")
	d.addBlog(t, "our-draft", "draft")
	d.addBlog(t, "other-draft", "draft")
	ours, err := d.db.Blog(t.Context(), "our-draft")
	if err != nil {
		t.Fatal(err)
	}
	other, err := d.db.Blog(t.Context(), "other-draft")
	if err != nil {
		t.Fatal(err)
	}
	for c, p := range d.actors(t, ours.ID, other.ID) {
		d.exec(t, `UPDATE blogs SET status = 'draft'`) // others may have opened it
		member := liveblog.RoleNone
		if p.User != nil && p.User.Email == "member@example.org" {
			member = liveblog.RoleEditor
		}
		for _, a := range d.server.Access() {
			if a.Action != auth.ReadPublic {
				checkAccess(t, c, p, member, a, ours.ID)
			}
		}
	}
}

func checkAccess(t *testing.T, c *client, p *liveblog.Principal, member liveblog.Role, a access.Route, ours uuid.UUID) {
	t.Helper()
	var blog *uuid.UUID
	if strings.Contains(a.Path, "{slug}") {
		blog = &ours
	} else {
		member = liveblog.RoleNone
	}
	want := allowed(p, a.Action, blog, member)
	w := c.ask(a)
	refused := slices.Contains([]string{"not_signed_in", "not_allowed", "blog_not_found"}, code(t, w))
	if refused == want || w.Code >= 500 {
		t.Errorf("%s as %s %s (member %q): %d %s, want allowed %v", a.Method+" "+a.Path, p.Key(), p.Role, member, w.Code, w.Body, want)
	}
}

// allowed asks the policy; who may not read a draft can do nothing with it.
func allowed(p *liveblog.Principal, a auth.Action, blog *uuid.UUID, member liveblog.Role) bool {
	if blog != nil && auth.Allow(p, auth.ReadUnpublished, blog, member) != nil {
		return false
	}
	return auth.Allow(p, a, blog, member) == nil
}

func (c *client) ask(a access.Route) *httptest.ResponseRecorder {
	path := strings.NewReplacer("{slug}", "our-draft", "{id}", uuid.NewString(), "{user_id}", uuid.NewString()).Replace(a.Path)
	return c.do(a.Method, path, bodies[a.Method+" "+a.Path])
}

func code(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	if w.Code < http.StatusBadRequest {
		return ""
	}
	return field(t, w, "code")
}
