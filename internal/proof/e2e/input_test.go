package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"dateline/internal/proof/pgtest"
)

const (
	adminEmail    = "ada@example.org"
	adminPassword = "a long enough pass phrase"
)

// target is a node with one blog and one post, at which bad requests are thrown.
type target struct {
	t      *testing.T
	dsn    string
	node   *process
	robot  *robot
	admin  *robot // with the access token of an admin
	post   eventData
	client *http.Client
}

func newTarget(t *testing.T) *target {
	t.Helper()
	dsn := pgtest.DSN(t)
	g := &target{t: t, dsn: dsn, client: newClient()}
	g.node = startProcess(t, dsn, "--admin-email="+adminEmail, "--admin-password="+adminPassword)
	g.robot = newRobot(t, dsn)
	g.robot.newBlog(t, g.node.url, "target")
	g.post = g.robot.post(t, g.node.url, "target", "The only one")
	var session struct {
		Token string `json:"access_token"`
	}
	g.robot.must(t, http.MethodPost, g.node.url+"/api/v1/session", map[string]any{"email": adminEmail, "password": adminPassword}, &session)
	g.admin = &robot{client: newClient(), token: session.Token}
	return g
}

// bad is a request that must be refused.
type bad struct {
	name, method, path string
	body               string
	headers            []string
	status             int
	code               string // "" is any
}

const (
	asJSON    = "application/json"
	typeField = "Content-Type"
	blogPath  = "/api/v1/blogs/target"
)

// TestE2E_BadInput sends what clients should not. Every answer says what is
// wrong in the product's own words, and nothing is stored.
func TestE2E_BadInput(t *testing.T) {
	t.Parallel()
	g := newTarget(t)
	g.robot.must(t, http.MethodPost, g.node.url+blogPath+"/posts", map[string]any{"title": "With a key"}, nil, "Idempotency-Key", "a-key-that-was-used")
	before := g.counts()
	for _, b := range slices.Concat(g.badCursors(), g.badPosts(), g.badConditions(), g.badTypes(), g.badRoutes()) {
		g.refuse(b)
	}
	g.badStreams()
	g.badHeaders()
	g.everyOperation()
	if after := g.counts(); !maps.Equal(before, after) {
		t.Errorf("something was stored: rows before %v, after %v", before, after)
	}
	g.node.noPanic()
}

func (g *target) badCursors() (list []bad) {
	for _, cursor := range []string{"x", "e30x!", "bnVsbA%3D%3D", "%00", "%ff", strings.Repeat("A", 300), "WzFd"} {
		for _, path := range []string{"/api/v1/blogs?cursor=", blogPath + "/posts?cursor="} {
			list = append(list, bad{name: "cursor", path: path + cursor, status: -400})
		}
	}
	for _, query := range []string{"limit=0", "limit=-1", "limit=101", "limit=x", "limit=99999999999999999999", "order=up", "status=secret", "key_event=maybe"} {
		list = append(list, bad{name: "query", path: blogPath + "/posts?" + query, status: 422})
	}
	for _, query := range []string{"wait=-1", "wait=26", "wait=x", "epoch=" + strings.Repeat("e", 100)} {
		list = append(list, bad{name: "query", path: blogPath + "/events?" + query, status: 422})
	}
	return list
}

func (g *target) badPosts() []bad {
	text := func(name, body string, status int, code string) bad {
		return bad{name: name, method: http.MethodPost, path: blogPath + "/posts", body: body, headers: []string{typeField, asJSON}, status: status, code: code}
	}
	return []bad{
		text("no body", "", 400, ""),
		text("half a body", `{"title":"x"`, 400, ""),
		text("two documents", `{"title":"x"}{"title":"y"}`, 400, ""),
		text("null", `null`, -400, ""),
		text("an array", `[{"title":"x"}]`, 422, "invalid"),
		text("unknown field", `{"title":"x","titel":"y"}`, 422, "invalid"),
		text("number for text", `{"title":7}`, 422, "invalid"),
		text("unknown format", `{"title":"x","format":"rtf"}`, 422, "invalid"),
		text("unknown status", `{"title":"x","status":"removed"}`, 422, "invalid"),
		text("nothing in it", `{"title":" ","body":"\n"}`, 422, "invalid"),
		text("long title", `{"title":"`+strings.Repeat("a", 1000)+`"}`, 422, "invalid"),
		text("many tags", `{"title":"x","tags":[`+strings.Repeat(`"t",`, 20)+`"t"]}`, 422, "invalid"),
		text("long tag", `{"title":"x","tags":["`+strings.Repeat("t", 51)+`"]}`, 422, "invalid"),
		text("long body", `{"body":"`+strings.Repeat("a", 65<<10)+`"}`, 413, "too_large"),
		text("too large", `{"body":"`+strings.Repeat("a", 300<<10)+`"}`, 413, "too_large"),
		text("NUL in the title", `{"title":"a\u0000b"}`, 422, ""),
		text("NUL in the body", `{"title":"x","body":"a\u0000b"}`, 422, ""),
		text("NUL in a tag", `{"title":"x","tags":["a\u0000b"]}`, 422, ""),
		text("NUL in the external id", `{"title":"x","external_id":"a\u0000b"}`, 422, ""),
		text("not UTF-8", "{\"title\":\"a\xffb\"}", -400, ""),
		text("deep", strings.Repeat(`[`, 50_000), -400, ""),
		text("a key twice", `{"title":"x","title":"y"}`, 400, ""),
		text("a key in another case", `{"title":"x","status":"draft","STATUS":"removed"}`, 422, "invalid"),
	}
}

func (g *target) badConditions() []bad {
	post := blogPath + "/posts/" + g.post.ID
	edit := func(name string, status int, code string, headers ...string) bad {
		return bad{name: name, method: http.MethodPatch, path: post, body: `{"title":"y"}`, headers: append(headers, typeField, asJSON), status: status, code: code}
	}
	used := []string{typeField, asJSON, "Idempotency-Key", "a-key-that-was-used"}
	return []bad{
		edit("no If-Match", 428, "if_match_required"),
		edit("other version", 412, "version_not_current", "If-Match", `"v99"`),
		edit("weak ETag", 422, "bad_if_match", "If-Match", `W/"v1"`),
		edit("no ETag", 422, "bad_if_match", "If-Match", `v1`),
		edit("two ETags", 422, "bad_if_match", "If-Match", `"v1", "v2"`),
		{name: "remove without If-Match", method: http.MethodDelete, path: post, status: 428, code: "if_match_required"},
		{name: "restore what is there", method: http.MethodPost, path: post + "/restore", status: 409, code: "not_removed"},
		{name: "used key", method: http.MethodPost, path: blogPath + "/posts", body: `{"title":"y"}`, headers: used, status: 422, code: "idempotency_key_reused"},
		{name: "short key", method: http.MethodPost, path: blogPath + "/posts", body: `{"title":"y"}`, headers: []string{typeField, asJSON, "Idempotency-Key", "short"}, status: 422, code: "bad_idempotency_key"},
		{name: "slug that is taken", method: http.MethodPost, path: "/api/v1/blogs", body: `{"slug":"target","title":"x"}`, headers: []string{typeField, asJSON}, status: 409},
		{name: "pin of nothing", method: http.MethodPut, path: blogPath + "/pinned", body: `{"post_id":"0190a000-0000-7000-8000-000000000000"}`, headers: []string{typeField, asJSON}, status: -400},
		{name: "beacon of garbage", method: http.MethodPost, path: blogPath + "/views", body: `{"token":"x"}`, headers: []string{typeField, "text/plain"}, status: 400},
		{name: "long beacon", method: http.MethodPost, path: blogPath + "/views", body: strings.Repeat(" ", 5<<10), headers: []string{typeField, "text/plain"}, status: 413},
	}
}

func (g *target) badTypes() (list []bad) {
	for _, kind := range []string{"text/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/cbor", "nonsense"} {
		list = append(list, bad{name: kind, method: http.MethodPost, path: blogPath + "/posts", body: `{"title":"x"}`, headers: []string{typeField, kind}, status: 415})
	}
	return append(list,
		bad{name: "no form", method: http.MethodPost, path: "/api/v1/media", body: `{}`, headers: []string{typeField, asJSON}, status: 415},
		bad{name: "no boundary", method: http.MethodPost, path: "/api/v1/media", body: `{}`, headers: []string{typeField, "multipart/form-data"}, status: -400},
		bad{name: "no parts", method: http.MethodPost, path: "/api/v1/media", body: `--x--`, headers: []string{typeField, "multipart/form-data; boundary=x"}, status: -400},
	)
}

func (g *target) badRoutes() []bad {
	return []bad{
		{name: "no such address", path: "/api/v1/nothing", status: 404},
		{name: "no such blog", path: "/api/v1/blogs/absent", status: 404, code: "blog_not_found"},
		{name: "no such post", path: blogPath + "/posts/0190a000-0000-7000-8000-000000000000", status: 404},
		{name: "no id", path: blogPath + "/posts/7", status: 422},
		{name: "short slug", path: "/api/v1/blogs/a", status: -400},
		{name: "slug of garbage", path: "/api/v1/blogs/%00%ff%2e%2e", status: -400},
		{name: "method", method: http.MethodPut, path: blogPath, status: 405, code: "method_not_allowed"},
		{name: "method", method: http.MethodDelete, path: blogPath + "/stream", status: 405},
		{name: "method", method: "BREW", path: blogPath + "/posts", status: 405},
		{name: "credential of garbage", path: blogPath, headers: []string{"Authorization", "Bearer garbage"}, status: 401},
		{name: "token of nobody", path: blogPath, headers: []string{"Authorization", "Bearer dl_aaaaaaaaaaaa_bbbbbbbbbbbb"}, status: 401},
		{name: "from another site", method: http.MethodDelete, path: "/api/v1/session", headers: []string{"Authorization", "", "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}, status: 403},
	}
}

// refuse sends a bad request as the robot and checks the answer.
func (g *target) refuse(b bad) {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), orGet(b.method), g.node.url+b.path, strings.NewReader(b.body))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+g.robot.token)
	for i := 0; i+1 < len(b.headers); i += 2 {
		req.Header.Set(b.headers[i], b.headers[i+1])
	}
	a, err := exchange(g.client, req)
	if err != nil {
		g.t.Errorf("%s: %v", b.name, err)
		return
	}
	name := fmt.Sprintf("%s: %s %.80s", b.name, req.Method, b.path)
	code := checkProblem(g.t, name, a)
	wanted := a.status == b.status || b.status == -400 && a.status >= 400 && a.status < 500
	if !wanted || b.code != "" && b.code != code {
		g.t.Errorf("%s: got %d %s %.300s, want %d %s", name, a.status, code, a.body, b.status, b.code)
	}
}

func orGet(method string) string {
	if method == "" {
		return http.MethodGet
	}
	return method
}

// internals are words that no client should ever read.
var internals = []string{"pgx", "sql", "goroutine", ".go:", "SQLSTATE", "panic", "runtime error"}

// checkProblem checks what all answers of the API have in common and returns the
// problem's code.
func checkProblem(t *testing.T, name string, a answer) (code string) {
	t.Helper()
	if a.status >= 500 {
		t.Errorf("%s: %d %.300s", name, a.status, a.body)
	}
	for _, word := range internals {
		if bytes.Contains(a.body, []byte(word)) {
			t.Errorf("%s: the answer tells of %q: %.300s", name, word, a.body)
		}
	}
	if a.status < 400 {
		return ""
	}
	var p struct {
		Type, Title, Code string
		Status            int
		RequestID         string `json:"request_id"`
	}
	if err := json.Unmarshal(a.body, &p); err != nil || a.header.Get(typeField) != "application/problem+json" {
		t.Errorf("%s: no problem: %d %q %.300s", name, a.status, a.header.Get(typeField), a.body)
	}
	if p.Status != a.status || p.Code == "" || p.Title == "" || p.Type != "/problems/"+p.Code || p.RequestID != a.header.Get("X-Request-Id") {
		t.Errorf("%s: half a problem: %d %.300s", name, a.status, a.body)
	}
	return p.Code
}

// badStreams asks for streams from places that do not exist: the reader is told
// to start again, on a stream that goes on.
func (g *target) badStreams() {
	g.t.Helper()
	for _, test := range []struct{ header, query, want string }{
		{"-1", "", `"reason":"invalid"`},
		{" 1", "", `event: hello`}, // HTTP takes white space around a value away
		{"1e3", "", `"reason":"invalid"`},
		{"99999999999999999999", "", `"reason":"invalid"`},
		{"\u0661", "", `"reason":"invalid"`},
		{strings.Repeat("9", 4000), "", `"reason":"invalid"`},
		{"999999", "", `"reason":"ahead"`},
		{"", "after=x", `"reason":"invalid"`},
		{"", "after=%00", `"reason":"invalid"`},
		{"", "after=1&epoch=another", `"reason":"epoch"`},
		{"", "after=1&epoch=%ff%00", `"reason":"epoch"`},
		{"", "after=9999", `"reason":"ahead"`},
	} {
		r := &sseReader{client: g.client, slug: "target", lastID: test.header}
		r.query, _ = url.ParseQuery(test.query)
		var got strings.Builder
		ctx, cancel := context.WithTimeout(g.t.Context(), 5*time.Second)
		err := r.follow(ctx, g.node.url, func(e sseEvent) bool {
			fmt.Fprintf(&got, "event: %s\ndata: %s\n", e.name, e.data)
			return strings.Contains(got.String(), test.want) || e.name == "post"
		})
		cancel()
		if err != nil || !strings.Contains(got.String(), test.want) {
			g.t.Errorf("stream from %.20q %s: %v %s", test.header, test.query, err, got.String())
		}
	}
}

// badHeaders writes requests that a Go client refuses to send.
func (g *target) badHeaders() {
	g.t.Helper()
	for _, test := range []struct {
		name, request string
		status        int
	}{
		{"huge header", "GET " + blogPath + " HTTP/1.1\r\nHost: x\r\nCookie: " + strings.Repeat("a", 64<<10) + "\r\n\r\n", 431},
		{"many headers", "GET " + blogPath + " HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X-A: b\r\n", 8000) + "\r\n", 431},
		{"NUL in a header", "GET " + blogPath + " HTTP/1.1\r\nHost: x\r\nIf-Match: a\x00b\r\n\r\n", 400},
		{"no host", "GET " + blogPath + " HTTP/1.1\r\n\r\n", 400},
		{"two lengths", "POST " + blogPath + "/posts HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400},
		{"length of garbage", "POST " + blogPath + "/posts HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", 400},
		{"no HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400},
	} {
		if status, err := rawRequest(strings.TrimPrefix(g.node.url, "http://"), test.request); err != nil || status != test.status {
			g.t.Errorf("%s: %d %v, want %d", test.name, status, err, test.status)
		}
	}
}

func rawRequest(address, request string) (status int, err error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return 0, err
	}
	go func() { _, _ = conn.Write([]byte(request)) }() // the server may answer before it read all
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err
	}
	res.Body.Close()
	return res.StatusCode, nil
}

// counts are the rows of every table that a request could add to.
func (g *target) counts() map[string]int64 {
	out := map[string]int64{}
	for _, table := range []string{"blogs", "posts", "revisions", "events", "idempotency_keys", "media", "media_blobs", "users", "members", "api_tokens", "post_views", "audit"} {
		out[table] = number(g.t, g.dsn, "SELECT count(*) FROM "+table)
	}
	out["last_seq"] = number(g.t, g.dsn, "SELECT sum(last_seq) FROM blogs")
	return out
}
