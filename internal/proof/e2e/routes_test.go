package e2e

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// operation is one line of the OpenAPI document.
type operation struct {
	id, method, path string
	secured          bool
	body             string // content type, "" for none
	parameters       []parameter
}

type parameter struct{ Name, In string }

// operations reads what the product says of itself.
func (g *target) operations() (list []operation) {
	g.t.Helper()
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Security    []any
			Parameters  []parameter
			RequestBody struct{ Content map[string]any }
		}
	}
	g.robot.must(g.t, http.MethodGet, g.node.url+"/api/v1/openapi.json", nil, &doc)
	for path, methods := range doc.Paths {
		for method, o := range methods {
			op := operation{id: o.OperationID, method: strings.ToUpper(method), path: path, secured: len(o.Security) > 0, parameters: o.Parameters}
			for kind := range o.RequestBody.Content {
				op.body = kind
			}
			list = append(list, op)
		}
	}
	slices.SortFunc(list, func(a, b operation) int { return cmp.Compare(a.id, b.id) })
	return list
}

// fill puts values into the path: those given, else such that exist.
func (g *target) fill(o operation, values map[string]string) string {
	path := o.path
	for name, value := range map[string]string{"slug": "target", "id": g.post.ID, "user_id": g.post.ID} {
		if other, given := values[name]; given {
			value = other
		}
		path = strings.ReplaceAll(path, "{"+name+"}", value)
	}
	return g.node.url + path
}

// garbage are values for paths and queries, escaped.
var garbage = []string{"%00", "%ff%fe", "-1", "99999999999999999999999", "%27%22%3B--", "..%2f..%2fetc%2fpasswd", "%5B%5D", "x", "%F0%9F%8F%AE",
	strings.Repeat("a", 2000), "%0d%0aSet-Cookie:%20a=b", "null"}

// garbageBodies are bodies of a request, of whatever type it wants.
var garbageBodies = []string{"", "{", "null", "[]", `"x"`, "7", `{"__proto__":{}}`, `{"title":7,"name":[],"email":{},"role":"god","scopes":"all"}`,
	"{\"a\":\"\xff\"}", strings.Repeat("[", 20_000), strings.Repeat(" ", 1000) + "\x00", "\xef\xbb\xbf{}", "--x\r\n\r\n--x--"}

// everyOperation sends garbage to each operation in each place that takes any,
// with the rights of a program and of an admin.
func (g *target) everyOperation() {
	g.t.Helper()
	sent := 0
	for _, o := range g.operations() {
		for _, who := range []*robot{g.robot, g.admin} {
			sent += g.garble(o, who)
		}
	}
	g.t.Logf("%d requests of garbage sent to %d operations", sent, len(g.operations()))
}

func (g *target) garble(o operation, who *robot) (sent int) {
	g.t.Helper()
	for _, p := range o.parameters {
		for _, value := range garbage {
			switch p.In {
			case "path":
				g.throw(o, who, g.fill(o, map[string]string{p.Name: value}), "")
			case "query":
				g.throw(o, who, g.fill(o, nil)+"?"+p.Name+"="+value, "")
			default:
				continue
			}
			sent++
		}
	}
	if o.body == "" {
		return sent
	}
	for _, body := range garbageBodies {
		g.throw(o, who, g.fill(o, nil), body)
		sent++
	}
	return sent
}

// throw sends one request of garbage; whatever the answer is, it is an answer.
func (g *target) throw(o operation, who *robot, url, body string) {
	g.t.Helper()
	if o.id == "stream" {
		return // answers without end: see badStreams
	}
	req, err := http.NewRequestWithContext(g.t.Context(), o.method, url, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+who.token)
	if o.body != "" {
		req.Header.Set(typeField, o.body)
	}
	a, err := exchange(g.client, req)
	if err != nil {
		g.t.Errorf("%s %.100s: %v", o.id, url, err)
		return
	}
	checkProblem(g.t, fmt.Sprintf("%s %.100s %.40q", o.id, strings.TrimPrefix(url, g.node.url), body), a)
	if a.header.Get("Set-Cookie") != "" && o.id != "sign-out" {
		g.t.Errorf("%s %.100s sets a cookie", o.id, url)
	}
}

// public are the operations for everybody. A new one belongs here only when
// readers need it.
var public = []string{"claim-setup", "get-blog", "get-post", "get-setup", "list-blogs", "list-posts", "poll-events", "refresh-session", "report-views", "sign-in", "sign-out", "stream"}

// TestE2E_EveryRouteAsksThePolicy calls every operation without credentials:
// what is not public is refused before anything else is looked at.
func TestE2E_EveryRouteAsksThePolicy(t *testing.T) {
	t.Parallel()
	g := newTarget(t)
	before, refused := g.counts(), 0
	for _, o := range g.operations() {
		open := slices.Contains(public, o.id)
		if o.secured == open {
			t.Errorf("%s: the document says secured %v", o.id, o.secured)
		}
		if !open {
			refused++
		}
		g.knock(o, open)
	}
	t.Logf("%d operations are public, %d were refused", len(public), refused)
	if after := g.counts(); !maps.Equal(before, after) {
		t.Errorf("something was stored: %v, %v", before, after)
	}
}

// knock calls an operation without credentials, with any body. Those that sign
// somebody in say 401 or 403 for reasons of their own.
func (g *target) knock(o operation, open bool) {
	g.t.Helper()
	signsIn := o.id == "refresh-session" || o.id == "sign-in" || o.id == "claim-setup"
	for _, body := range []string{"", "{}", bodies[o.id]} {
		status := g.anonymous(o, body)
		refused := status == http.StatusUnauthorized || status == http.StatusForbidden
		if refused == open && !signsIn {
			g.t.Errorf("%s answers %d without credentials to %q", o.id, status, body)
		}
	}
}

// bodies are good ones, so that nothing but the missing sign-in can be wrong.
var bodies = map[string]string{
	"create-blog":     `{"slug":"another","title":"x"}`,
	"create-post":     `{"title":"x"}`,
	"edit-blog":       `{"title":"x"}`,
	"edit-post":       `{"title":"x"}`,
	"pin-post":        `{"post_id":null}`,
	"preview":         `{"body":"x"}`,
	"set-member":      `{"role":"editor"}`,
	"update-media":    `{"alt":"x"}`,
	"create-user":     `{"email":"eve@example.org","name":"Eve","role":"admin","password":"a long enough pass phrase"}`,
	"update-user":     `{"role":"admin"}`,
	"create-token":    `{"name":"x","scopes":["read"],"expires_in_days":1}`,
	"change-password": `{"current_password":"a long enough pass phrase","new_password":"another long pass phrase"}`,
}

func (g *target) anonymous(o operation, body string) (status int) {
	g.t.Helper()
	path := g.fill(o, nil)
	if o.id == "stream" {
		path += "?" + url.Values{"after": {"9999"}}.Encode()
	}
	req, err := http.NewRequestWithContext(g.t.Context(), o.method, path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	if o.body != "" {
		req.Header.Set(typeField, o.body)
	}
	res, err := g.client.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}
