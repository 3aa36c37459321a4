package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
)

// last are routes that change who may do what, for those who come after.
var last = []string{"POST /api/v1/blogs/:slug/reopen", "DELETE /api/v1/session"}

// routeBodies are good ones, so that nothing but the missing right can be wrong.
var routeBodies = map[string]string{
	"POST /api/v1/blogs": bodies["create-blog"], "PATCH /api/v1/blogs/:slug": bodies["edit-blog"], "PUT /api/v1/blogs/:slug/pinned": bodies["pin-post"],
	"POST /api/v1/blogs/:slug/posts": `{"title":"x","status":"submitted"}`, "PATCH /api/v1/blogs/:slug/posts/:id": bodies["edit-post"],
	"PUT /api/v1/blogs/:slug/members/:user_id": bodies["set-member"], "PATCH /api/v1/media/:id": bodies["update-media"], "POST /api/v1/preview": bodies["preview"],
	"POST /api/v1/users": bodies["create-user"], "PATCH /api/v1/users/:id": bodies["update-user"], "POST /api/v1/tokens": bodies["create-token"],
	"PUT /api/v1/account/password": `{"current_password":"wrong","new_password":"another long pass phrase"}`,
}

// matrix asks for everything in everybody's name.
type matrix struct {
	*stage
	values *strings.Replacer // of the parameters in paths
	cells  atomic.Int64
	twists atomic.Int64 // of paths
}

// TestE2E_SecurityMatrix is every route x every kind of principal, and for those
// who are refused also x every spelling of the path. What is not expressly
// allowed must be refused, and leave nothing behind.
func TestE2E_SecurityMatrix(t *testing.T) {
	t.Parallel()
	m := newMatrix(t)
	cast := m.cast()
	before := m.rows()
	var all sync.WaitGroup
	for _, a := range cast {
		all.Go(func() { m.refusals(a) })
	}
	all.Wait()
	if after := m.rows(); !maps.Equal(before, after) {
		t.Errorf("who was refused left something behind: %v, %v", before, after)
	}
	for _, phase := range [][]string{m.but(last), last} {
		for _, a := range cast {
			m.permissions(a, phase)
		}
	}
	m.node.noPanic()
	t.Logf("%d routes x %d principals: %d cells, and %d more by other spellings of the path", len(routes), len(cast), m.cells.Load(), m.twists.Load())
}

func newMatrix(t *testing.T) *matrix {
	m := &matrix{stage: newStage(t)}
	victim, _ := m.token(m.ours.CreatedAt, nil, "read")
	var post eventData
	boss := &robot{client: newClient(), token: m.signIn(m.admin).Access}
	boss.must(t, http.MethodPost, m.node.url+"/api/v1/blogs/our-draft/posts", map[string]any{"title": "Hidden", "status": "draft"}, &post)
	m.values = strings.NewReplacer("/tokens/:id", "/tokens/"+victim, "/users/:id", "/users/"+m.admin.ID.String(), "/media/:id", "/media/"+uuid.NewString(),
		":slug", "our-draft", ":id", post.ID, ":user_id", m.member.ID.String(), ":name", "x", "*file", "x")
	return m
}

func (m *matrix) but(some []string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(routes)), func(r string) bool { return slices.Contains(some, r) })
}

func (m *matrix) target(route string) (method, path string) {
	method, path, _ = strings.Cut(m.values.Replace(route), " ")
	return method, path
}

// refusals asks for all that a may not, as it is written and otherwise.
func (m *matrix) refusals(a actor) {
	c := newRawClient(m.t, m.node.url)
	var twisted []string
	for route, g := range routes {
		if slices.Contains(a.may, g) {
			continue
		}
		method, path := m.target(route)
		res, err := c.one(request(method, path, a.header, routeBodies[route]))
		if err != nil || !refused(res) && !refusedHead(method, res, http.StatusNotFound) || res.header.Get("Set-Cookie") != "" {
			m.t.Errorf("%s, %s: %d %.200s %v", a.name, route, res.status, res.body, err)
		}
		m.cells.Add(1)
		if g != open { // to a bad Bearer even public pages are closed, which needs no detour
			twisted = append(twisted, a.twisted(method, path, int(m.cells.Load()))...)
		}
	}
	err := c.all(twisted, func(i int, res answer) {
		if m.twists.Add(1); res.status < http.StatusBadRequest || res.status >= http.StatusInternalServerError {
			m.t.Errorf("%s, %.150q: %d %.200s", a.name, twisted[i], res.status, res.body)
		}
	})
	if err != nil {
		m.t.Errorf("%s: %v", a.name, err)
	}
}

// twisted are requests for a path by its other spellings. Of those whose credential
// is refused before any route is looked for, each gets some, another part of them
// for each route.
func (a actor) twisted(method, path string, turn int) (all []string) {
	step := 1
	if len(a.may) <= 1 && a.header != "" {
		step = 5
	}
	for i, t := range twists(path) {
		if (i+turn)%step == 0 {
			all = append(all, request(method, t, a.header, ""))
		}
	}
	return all
}

// permissions asks for what a may: a matrix that refuses everything is no use.
func (m *matrix) permissions(a actor, phase []string) {
	c := newRawClient(m.t, m.node.url)
	for _, route := range phase {
		signsIn := routes[route] == open && strings.HasPrefix(route, "POST /api/v1/se") // says 401 and 403 for reasons of its own
		if !slices.Contains(a.may, routes[route]) || signsIn {
			continue
		}
		method, path := m.target(route)
		res, err := c.one(request(method, path, a.header, routeBodies[route]))
		if m.cells.Add(1); err != nil || refused(res) || refusedHead(method, res, http.StatusForbidden) || res.status >= http.StatusInternalServerError {
			m.t.Errorf("%s, %s: %d %.200s %v", a.name, route, res.status, res.body, err)
		}
		if slices.Contains(last, route) {
			m.exec(`UPDATE blogs SET status = 'draft'`)
		}
	}
}

// refused reports whether an answer is that of the policy.
func refused(a answer) bool {
	if a.status == http.StatusUnauthorized {
		return true
	}
	var p struct{ Code string }
	_ = json.Unmarshal(a.body, &p) // what is no problem has no code
	return a.status == http.StatusForbidden && p.Code == "not_allowed" || a.status == http.StatusNotFound && p.Code == "blog_not_found"
}

// refusedHead reports whether an answer that has no body to say so is that of the
// policy, or else has the other status.
func refusedHead(method string, a answer, other int) bool {
	return method == http.MethodHead && (a.status == http.StatusForbidden || a.status == other)
}

// twists spell a path otherwise. Some come to the same route again, by the same
// guard; the others to none.
func twists(path string) []string {
	cut := strings.LastIndex(path, "/")
	parent, leaf := path[:cut], path[cut+1:]
	first := fmt.Sprintf("%%%02x", leaf[0])
	return []string{
		path + "/", path + "//", "/" + path, strings.Replace(path, "/v1/", "//v1/", 1), parent + "//" + leaf,
		strings.ToUpper(path), strings.Replace(path, "api", "Api", 1), parent + "/" + strings.ToUpper(leaf[:1]) + leaf[1:],
		parent + "%2f" + leaf, parent + "%2F" + leaf, path + "%2f", "/" + strings.ReplaceAll(path[1:], "/", "%2f"), "/" + strings.ReplaceAll(path[1:], "/", "%252f"),
		parent + "/./" + leaf, parent + "/%2e/" + leaf, parent + "/x/../" + leaf, parent + "/x/%2e%2e/" + leaf, parent + "/..;/" + leaf, path + "/..;/", path + ";x=1",
		path + "%00", path + "%00.css", path + "%20", path + "%09", path + "%0a", path + ".", path + ".json", path + "%23", path + "?/api/v1/setup", path + "?x=/static/",
		parent + "/" + first + leaf[1:], strings.Replace(path, "/api/", "/%61pi/", 1), parent + "%c0%af" + leaf, strings.ReplaceAll(path, "/", `\`), parent + `\` + leaf, parent + "%5c" + leaf,
		"/static/.." + path, "/static/..%2f" + path[1:], "/admin/.." + path, "/admin/..;" + path, "/api/docs/../../.." + path, "/b/our-draft/.." + path,
		"http://dateline.example" + path, "http://evil.example/static/.." + path, path + "/" + strings.Repeat("a", 8000), "/" + strings.Repeat("../", 500) + path[1:],
	}
}

// rows counts what requests could leave behind.
func (m *matrix) rows() map[string]int64 {
	g := &target{t: m.t, dsn: m.dsn}
	out := g.counts()
	out["sessions"] = number(m.t, m.dsn, "SELECT count(*) FROM sessions WHERE revoked_at IS NULL")
	out["live blogs"] = number(m.t, m.dsn, "SELECT count(*) FROM blogs WHERE status <> 'draft'")
	return out
}
