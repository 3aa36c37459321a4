package server_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestSession_Scenarios(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	d.browser().run(t, []step{
		{"not signed in", "GET", "/api/v1/session", "", 401, []string{`"code":"not_signed_in"`}},
		{"wrong password", "POST", "/api/v1/session", signInBody(adminEmail, "wrong"), 401, []string{`"code":"bad_login"`}},
		{"unknown user", "POST", "/api/v1/session", signInBody("nobody@example.org", goodPhrase), 401, []string{`"code":"bad_login"`}},
		{"empty password", "POST", "/api/v1/session", signInBody(adminEmail, ""), 422, []string{"body.password"}},
		{"no body", "POST", "/api/v1/session", "", 400, nil},
		{"broken JSON", "POST", "/api/v1/session", `{"email":`, 400, nil},
		{"unknown field", "POST", "/api/v1/session", `{"email":"a@b.c","password":"x","role":"admin"}`, 422, []string{"role"}},
		{"text for a number", "POST", "/api/v1/session", `{"email":1,"password":"x"}`, 422, nil},
		{"huge body", "POST", "/api/v1/session", signInBody(adminEmail, strings.Repeat("x", 5000)), 413, nil},
		{"refresh of nothing", "POST", "/api/v1/session/refresh", "", 401, nil},
		{"refresh of rubbish", "POST", "/api/v1/session/refresh", `{"refresh_token":"a.1.b"}`, 401, nil},
		{"sign out of nothing", "DELETE", "/api/v1/session", "", 204, nil},
		{"change of nobody's password", "PUT", "/api/v1/account/password", `{"current_password":"x","new_password":"y"}`, 401, nil},
		{"right", "POST", "/api/v1/session", signInBody(" ADMIN@example.org", goodPhrase), 200, []string{`"access_token":"ey`, `"expires_in":300`, `"role":"admin"`}},
	})
	d.signedIn(t, adminEmail).run(t, []step{
		{"who am I", "GET", "/api/v1/session", "", 200, []string{`"email":"admin@example.org"`, `"user.manage"`}},
		{"refresh", "POST", "/api/v1/session/refresh", "", 200, []string{`"access_token"`}},
		{"still signed in", "GET", "/api/v1/session", "", 200, nil},
		{"wrong current password", "PUT", "/api/v1/account/password", `{"current_password":"x","new_password":"` + otherPhrase + `"}`, 422, []string{"body.current_password"}},
		{"weak password", "PUT", "/api/v1/account/password", `{"current_password":"` + goodPhrase + `","new_password":"passwordpassword"}`, 422, []string{`"code":"weak_password"`, "body.new_password"}},
		{"sign out", "DELETE", "/api/v1/session", "", 204, nil},
		{"signed out", "GET", "/api/v1/session", "", 401, nil},
	})
}

func TestSession_Cookies(t *testing.T) {
	t.Parallel()
	for publicURL, prefix := range map[string]string{"http://localhost:8080": "", "https://live.example.org": "__Host-"} {
		d := newDesk(t, publicURL)
		c := d.signedIn(t, adminEmail)
		for _, name := range []string{"dateline_access", "dateline_refresh", "dateline_device"} {
			cookie := c.cookies[prefix+name]
			if cookie == nil {
				t.Fatalf("%s: no cookie %s%s", publicURL, prefix, name)
			}
			strict := cookie.HttpOnly && cookie.SameSite == http.SameSiteStrictMode && cookie.Path == "/" && cookie.Domain == ""
			if !strict || cookie.Secure != (prefix != "") || cookie.Expires.Before(time.Now()) {
				t.Errorf("%s: %v", publicURL, cookie)
			}
		}
		c.do("DELETE", "/api/v1/session", "")
		if len(c.cookies) != 1 {
			t.Errorf("after signing out there are cookies besides that of the device: %v", c.cookies)
		}
	}
}

func TestSession_TwoCookiesOfOneName(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	c := d.signedIn(t, adminEmail)
	c.cookies["planted"] = &http.Cookie{Name: "dateline_access", Value: "planted"}
	c.run(t, []step{{"different", "GET", "/api/v1/session", "", 400, []string{`"code":"duplicate_cookie"`}}})
	c.cookies["planted"] = c.cookies["dateline_access"]
	c.run(t, []step{{"the same twice", "GET", "/api/v1/session", "", 200, nil}})
}

func TestSession_BadCredentials(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	d.addBlog(t, "cup-final", "live")
	stale := d.browser()
	stale.cookies["dateline_access"] = &http.Cookie{Name: "dateline_access", Value: "stale"}
	stale.run(t, []step{
		{"a cookie does not stop a reader", "GET", "/api/v1/blogs/cup-final", "", 200, nil},
		{"nor signing in", "GET", "/api/v1/setup", "", 200, nil},
		{"but gives no rights", "GET", "/api/v1/users", "", 401, []string{`"code":"bad_credential"`}},
	})
	for _, credential := range []string{"stale", "", "dl_AAAAAAAAAA_" + strings.Repeat("A", 52), "a.b.c"} {
		d.program(credential).run(t, []step{
			{"Bearer " + credential, "GET", "/api/v1/blogs/cup-final", "", 401, []string{`"code":"bad_credential"`}},
		})
	}
	proxied := d.browser()
	proxied.header.Set("Authorization", "Basic dXNlcjpwYXNz")
	proxied.run(t, []step{{"another scheme is not ours", "GET", "/api/v1/blogs/cup-final", "", 200, nil}})
	proxied.header.Add("Authorization", "Bearer x")
	proxied.run(t, []step{{"two schemes", "GET", "/api/v1/blogs/cup-final", "", 400, nil}})
}

func TestSession_PasswordChangeLeavesThisBrowserOnly(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	here, elsewhere := d.signedIn(t, adminEmail), d.signedIn(t, adminEmail)
	here.run(t, []step{
		{"change", "PUT", "/api/v1/account/password", `{"current_password":"` + goodPhrase + `","new_password":"` + otherPhrase + `"}`, 204, nil},
		{"here", "GET", "/api/v1/session", "", 200, nil},
	})
	elsewhere.run(t, []step{
		{"elsewhere", "GET", "/api/v1/session", "", 401, nil},
		{"refresh elsewhere", "POST", "/api/v1/session/refresh", "", 401, nil},
		{"old password", "POST", "/api/v1/session", signInBody(adminEmail, goodPhrase), 401, nil},
		{"new password", "POST", "/api/v1/session", signInBody(adminEmail, otherPhrase), 200, nil},
	})
}

func TestSession_ThrottledSignInSaysWhen(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	known, c := d.signedIn(t, adminEmail), d.browser()
	for range 10 {
		c.do("POST", "/api/v1/session", signInBody(adminEmail, "wrong"))
	}
	w := c.do("POST", "/api/v1/session", signInBody(adminEmail, goodPhrase))
	wait, err := strconv.Atoi(w.Header().Get("Retry-After"))
	if w.Code != http.StatusTooManyRequests || err != nil || wait < 1 {
		t.Errorf("%d, Retry-After %q: %s", w.Code, w.Header().Get("Retry-After"), w.Body)
	}
	known.run(t, []step{{"known device", "POST", "/api/v1/session", signInBody(adminEmail, goodPhrase), 200, nil}})
}

func TestSession_RefreshByBody(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	token := d.signedIn(t, adminEmail).cookies["dateline_refresh"].Value
	script := &client{d.handler, nil, http.Header{}}
	w := script.do("POST", "/api/v1/session/refresh", `{"refresh_token":"`+token+`"}`)
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	d.program(field(t, w, "access_token")).run(t, []step{{"with the new token", "GET", "/api/v1/session", "", 200, nil}})
}

func TestSession_AnswersAreNotStored(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	c := d.signedIn(t, adminEmail)
	for _, path := range []string{"/api/v1/session", "/api/v1/users", "/api/v1/tokens", "/api/v1/setup"} {
		if got := c.do("GET", path, "").Header().Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s: Cache-Control %q", path, got)
		}
	}
}

// An editor whose cookie can't be checked now must not look signed out.
func TestSession_DatabaseAway(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	c := d.signedIn(t, adminEmail)
	d.addBlog(t, "a-draft", "draft")
	d.handler = hangUp(d.handler)
	c.handler = d.handler
	c.run(t, []step{
		{"a draft that the node remembers", "GET", "/api/v1/blogs/a-draft/events", "", 503, []string{`"code":"unavailable"`}},
		{"by cookie", "GET", "/api/v1/session", "", 503, []string{`"code":"unavailable"`}},
		{"health needs no sign-in", "GET", "/livez", "", 200, nil},
	})
	d.program(c.cookies["dateline_access"].Value).run(t, []step{{"by Bearer", "GET", "/api/v1/session", "", 503, nil}})
}

// hangUp makes every query fail as if the database did not answer in time.
func hangUp(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		cancel()
		h.ServeHTTP(w, r.WithContext(ctx))
	})
}
