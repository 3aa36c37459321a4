package server_test

import (
	"net/http"
	"strings"
	"testing"
)

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
