// Package e2e tests the product as its users meet it: the real program in
// processes of its own, a real PostgreSQL, nginx, Chromium and other people's
// clients. The tests of a run share one binary, built when the first of them asks.
package e2e

import (
	"maps"
	"slices"
	"strings"
)

// grade is what a route asks for, in words of these tests: they must not believe
// the product's own table.
type grade string

const (
	open    grade = "open"    // to anybody
	account grade = "account" // one's own
	read    grade = "read"    // what is not published
	submit  grade = "submit"
	publish grade = "publish"
	change  grade = "change" // a blog
	create  grade = "create" // blogs
	picture grade = "picture"
	manage  grade = "manage" // people and tokens
)

// routes is every route of the product and what it asks for.
var routes = map[string]grade{
	"GET /": open, "HEAD /": open, "GET /b/:slug": open, "HEAD /b/:slug": open, "GET /b/:slug/p/:id": open, "HEAD /b/:slug/p/:id": open,
	"GET /b/:slug/feed.atom": open, "HEAD /b/:slug/feed.atom": open, "GET /b/:slug/feed.json": open, "HEAD /b/:slug/feed.json": open,
	"GET /livez": open, "GET /readyz": open, "GET /robots.txt": open, "GET /favicon.ico": open,
	"GET /media/:id/:name": open, "HEAD /media/:id/:name": open, "GET /static/:name": open, "HEAD /static/:name": open,
	"GET /admin": open, "GET /admin/*file": open, "GET /api/docs": open, "GET /api/docs/*file": open,
	"GET /api/v1/openapi.json": open, "GET /api/v1/openapi.yaml": open, "GET /api/v1/openapi-3.0.json": open, "GET /api/v1/openapi-3.0.yaml": open,
	"GET /api/v1/setup": open, "POST /api/v1/setup": open, "POST /api/v1/session": open, "POST /api/v1/session/refresh": open,
	"DELETE /api/v1/session": open, "GET /api/v1/session": account, "PUT /api/v1/account/password": account,
	"GET /api/v1/blogs": open, "POST /api/v1/blogs": create, "GET /api/v1/blogs/:slug": read, "PATCH /api/v1/blogs/:slug": change,
	"POST /api/v1/blogs/:slug/end": change, "POST /api/v1/blogs/:slug/reopen": change, "PUT /api/v1/blogs/:slug/pinned": publish,
	"GET /api/v1/blogs/:slug/posts": read, "POST /api/v1/blogs/:slug/posts": submit, "GET /api/v1/blogs/:slug/posts/:id": read,
	"PATCH /api/v1/blogs/:slug/posts/:id": submit, "DELETE /api/v1/blogs/:slug/posts/:id": submit,
	"POST /api/v1/blogs/:slug/posts/:id/restore": submit, "GET /api/v1/blogs/:slug/posts/:id/revisions": read,
	"GET /api/v1/blogs/:slug/stream": read, "GET /api/v1/blogs/:slug/events": read, "POST /api/v1/blogs/:slug/views": read,
	"GET /api/v1/blogs/:slug/stats": read, "GET /api/v1/blogs/:slug/members": manage, "GET /api/v1/blogs/:slug/members/:user_id": manage,
	"PUT /api/v1/blogs/:slug/members/:user_id": manage, "DELETE /api/v1/blogs/:slug/members/:user_id": manage,
	"GET /api/v1/users": manage, "POST /api/v1/users": manage, "PATCH /api/v1/users/:id": manage,
	"GET /api/v1/tokens": manage, "POST /api/v1/tokens": manage, "DELETE /api/v1/tokens/:id": manage,
	"POST /api/v1/media": picture, "GET /api/v1/media/:id": picture, "PATCH /api/v1/media/:id": picture, "POST /api/v1/preview": picture,
}

// HEAD is for whom GET is.
func init() {
	for route, rule := range maps.Clone(routes) {
		if path, is := strings.CutPrefix(route, "GET "); is {
			routes["HEAD "+path] = rule
		}
	}
}

// Routes lists the routes that the tests know, as "GET /b/:slug". Those of the
// router must be the same: somebody has to decide who may use a new one.
func Routes() []string { return slices.Sorted(maps.Keys(routes)) }
