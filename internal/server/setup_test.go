package server_test

import (
	"testing"

	"dateline/internal/liveblog"
)

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
