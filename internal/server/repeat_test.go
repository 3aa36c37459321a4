package server_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"dateline/internal/liveblog"
)

const repeatKey = "a-key-of-a-test-0001"

// with is the client with a header that all its requests have.
func (c *client) with(name, value string) *client {
	twin := *c
	twin.header = c.header.Clone()
	twin.header.Set(name, value)
	return &twin
}

// A user is created once, however often the request comes, and never under a key
// that came with another request.
func TestUsers_IdempotencyKey(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	admin := d.signedIn(t, adminEmail).with("Idempotency-Key", repeatKey)
	body := func(email, phrase string) string {
		return `{"email":"` + email + `","name":"B","role":"viewer","password":"` + phrase + `"}`
	}
	first := admin.do("POST", "/api/v1/users", body("b@example.org", goodPhrase))
	again := admin.do("POST", "/api/v1/users", body("b@example.org", goodPhrase))
	if first.Code != http.StatusCreated || again.Code != http.StatusCreated || again.Header().Get("Idempotent-Replayed") != "true" ||
		first.Header().Get("Idempotent-Replayed") != "" || first.Body.String() != again.Body.String() {
		t.Errorf("first %d %s, again %d %s %v", first.Code, first.Body, again.Code, again.Body, again.Header())
	}
	admin.run(t, []step{
		{"another user", "POST", "/api/v1/users", body("c@example.org", goodPhrase), 422, []string{`"code":"idempotency_key_reused"`}},
		{"another password", "POST", "/api/v1/users", body("b@example.org", otherPhrase), 422, []string{`"code":"idempotency_key_reused"`}},
	})
	admin.with("Idempotency-Key", "short").run(t, []step{{"bad key", "POST", "/api/v1/users", body("d@example.org", goodPhrase), 422, []string{`"code":"bad_idempotency_key"`}}})
	var kept string
	if err := d.db.Pool().QueryRow(t.Context(), `SELECT string_agg(result::text, ' ') FROM idempotency_keys`).Scan(&kept); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(kept, "argon2id") {
		t.Errorf("a password's hash is kept with the key: %s", kept)
	}
	if users, err := d.db.Users(t.Context()); err != nil || len(users) != 2 {
		t.Errorf("%d users, %v", len(users), err)
	}
}

// A token is made once. Its secret is told once: who asks again hears which token
// it was.
func TestTokens_IdempotencyKeyTellsNoSecret(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	admin := d.signedIn(t, adminEmail).with("Idempotency-Key", repeatKey)
	const body = `{"name":"wire","scopes":["read"],"expires_in_days":30}`
	first := admin.do("POST", "/api/v1/tokens", body)
	id, secret := field(t, first, "id"), field(t, first, "token")
	admin.run(t, []step{
		{"again", "POST", "/api/v1/tokens", body, 409, []string{`"code":"token_made_before"`, `"current":{`, `"id":"` + id + `"`}},
		{"another token", "POST", "/api/v1/tokens", strings.Replace(body, "30", "31", 1), 422, []string{`"code":"idempotency_key_reused"`}},
	})
	if again := admin.do("POST", "/api/v1/tokens", body).Body.String(); strings.Contains(again, secret) || strings.Contains(again, secret[len(secret)-40:]) {
		t.Errorf("the secret was told again: %s", again)
	}
	if tokens, err := d.db.Tokens(t.Context()); err != nil || len(tokens) != 1 {
		t.Errorf("%d tokens, %v", len(tokens), err)
	}
}

// Every request that creates something may be repeated, or says why not.
func TestIdempotency_EveryPostThatCreates(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	without := map[string]string{
		"/api/v1/session": "signs in", "/api/v1/session/refresh": "signs in", "/api/v1/setup": "its link works once",
		"/api/v1/preview": "stores nothing", "/api/v1/blogs/{slug}/views": "counts once per page",
		"/api/v1/blogs/{slug}/end": "done when it is done", "/api/v1/blogs/{slug}/reopen": "done when it is done", "/api/v1/blogs/{slug}/posts/{id}/restore": "needs If-Match",
	}
	for path, item := range d.server.OpenAPI().Paths {
		if item.Post == nil || without[path] != "" {
			continue
		}
		found := false
		for _, p := range item.Post.Parameters {
			found = found || p.Name == "Idempotency-Key"
		}
		if !found {
			t.Errorf("POST %s takes no Idempotency-Key", path)
		}
	}
}

// The star is for programs; a person hears so.
func TestIfMatch_StarIsForPrograms(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	d.addBlog(t, "cup-final", "live")
	admin := d.signedIn(t, adminEmail)
	made := admin.do("POST", "/api/v1/tokens", `{"name":"x","scopes":["blogs:write"],"expires_in_days":1}`)
	change := []step{{"program", "PATCH", "/api/v1/blogs/cup-final", `{"title":"By a program"}`, 200, nil}}
	d.program(field(t, made, "token")).with("If-Match", "*").run(t, change)
	admin.with("If-Match", "*").run(t, []step{{"person", "PATCH", "/api/v1/blogs/cup-final", `{"title":"By a person"}`, 422, []string{`"code":"bad_if_match"`, "programs"}}})
}

// What a body is said to be, it must be: nothing is stored that was read wrongly.
func TestBodies_OtherEncodingsAreRefused(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	d.addBlog(t, "cup-final", "live")
	for _, test := range []struct {
		name, value string
		status      int
	}{
		{"Content-Encoding", "gzip", 415}, {"Content-Encoding", "br", 415}, {"Content-Encoding", "identity, gzip", 415}, {"Content-Encoding", "identity", 201},
		{"Content-Type", "application/json; charset=latin1", 415}, {"Content-Type", "application/json; charset=utf-16", 415},
		{"Content-Type", "application/json; charset=utf-8; charset=latin1", 415}, {"Content-Type", `application/json; charset=""`, 415},
		{"Content-Type", "application/json; charset=UTF-8", 201}, {"Content-Type", `application/json;charset="utf-8"`, 201}, {"Content-Type", "application/json", 201},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/blogs/cup-final/posts", strings.NewReader(`{"body":"x"}`))
		r.Header.Set("Authorization", "Bearer "+d.signedIn(t, adminEmail).cookies["dateline_access"].Value)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set(test.name, test.value)
		w := httptest.NewRecorder()
		d.handler.ServeHTTP(w, r)
		if w.Code != test.status {
			t.Errorf("%s: %s: %d, want %d: %s", test.name, test.value, w.Code, test.status, w.Body)
		}
	}
}

// What everybody may read is answered whatever the cookies; what signs in or
// changes something is not done by cookies that contradict each other.
func TestCookies_ThatContradictEachOther(t *testing.T) {
	t.Parallel()
	room := newNewsroom(t, noLimits)
	room.addBlog(t, "cup-final", "live")
	signed := room.signedIn(t, adminEmail)
	for _, test := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/b/cup-final", "", 200}, {"GET", "/", "", 200}, {"GET", "/b/cup-final/feed.atom", "", 200}, {"GET", "/robots.txt", "", 200},
		{"GET", "/api/v1/blogs/cup-final", "", 200}, {"GET", "/api/v1/blogs/cup-final/posts", "", 200}, {"GET", "/api/v1/blogs/cup-final/events", "", 200},
		{"POST", "/api/v1/blogs/cup-final/views", `{"token":"0123456789abcdef","posts":[]}`, 204},
		{"GET", "/api/v1/session", "", 400}, {"POST", "/api/v1/session/refresh", "", 400}, {"DELETE", "/api/v1/session", "", 400},
		{"POST", "/api/v1/session", signInBody(adminEmail, goodPhrase), 400}, {"POST", "/api/v1/blogs", `{"slug":"new-blog","title":"New"}`, 400},
	} {
		r := httptest.NewRequestWithContext(t.Context(), test.method, test.path, strings.NewReader(test.body))
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		if test.body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		r.Header.Set("Cookie", "dateline_access=planted; dateline_access="+signed.cookies["dateline_access"].Value)
		w := httptest.NewRecorder()
		room.handler.ServeHTTP(w, r)
		if w.Code != test.status {
			t.Errorf("%s %s: %d, want %d: %.200s", test.method, test.path, w.Code, test.status, w.Body)
		}
	}
}

// Pages are the same for everybody: a session makes none of them private.
func TestCookies_PublicPagesIgnoreThem(t *testing.T) {
	t.Parallel()
	room := newNewsroom(t, noLimits)
	room.addBlog(t, "cup-final", "live")
	room.addUser(t, "anna@example.org", liveblog.RoleEditor)
	signed := room.signedIn(t, "anna@example.org")
	anybody, editor := room.browser().do("GET", "/b/cup-final", ""), signed.do("GET", "/b/cup-final", "")
	if a, e := anybody.Header().Get("Cache-Control"), editor.Header().Get("Cache-Control"); a != e || anybody.Body.String() != editor.Body.String() {
		t.Errorf("an editor's page is another: %q, %q", a, e)
	}
}
