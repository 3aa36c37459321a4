package server_test

import (
	"testing"

	"dateline/internal/liveblog"
)

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
