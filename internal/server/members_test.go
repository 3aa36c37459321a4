package server_test

import (
	"testing"

	"dateline/internal/liveblog"
)

func TestMembers_Scenarios(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	d.addBlog(t, "our-draft", "draft")
	d.addBlog(t, "other-draft", "draft")
	anna := d.addUser(t, "anna@example.org", liveblog.RoleViewer)
	path := "/api/v1/blogs/our-draft/members/" + anna.ID.String()
	admin, hers := d.signedIn(t, adminEmail), d.signedIn(t, anna.Email)
	admin.run(t, []step{
		{"nobody yet", "GET", "/api/v1/blogs/our-draft/members", "", 200, []string{`"items":[]`}},
		{"no member", "GET", path, "", 404, nil},
		{"bad role", "PUT", path, `{"role":"admin"}`, 422, nil},
		{"unknown user", "PUT", "/api/v1/blogs/our-draft/members/6f1f64b8-63f6-4a3b-9d5d-0a0b1c7f1e11", `{"role":"editor"}`, 404, nil},
		{"no id", "PUT", "/api/v1/blogs/our-draft/members/1", `{"role":"editor"}`, 404, nil},
		{"unknown blog", "PUT", "/api/v1/blogs/nowhere/members/" + anna.ID.String(), `{"role":"editor"}`, 404, nil},
		{"add", "PUT", path, `{"role":"editor"}`, 200, []string{`"role":"editor"`, anna.Email}},
		{"read", "GET", path, "", 200, []string{anna.Email}},
		{"list", "GET", "/api/v1/blogs/our-draft/members", "", 200, []string{anna.Email}},
	})
	hers.run(t, []step{
		{"a member edits", "POST", "/api/v1/blogs/our-draft/reopen", "", 200, nil},
		{"this blog only", "POST", "/api/v1/blogs/other-draft/reopen", "", 403, nil},
		{"and manages nobody", "PUT", path, `{"role":"editor"}`, 403, nil},
	})
	admin.run(t, []step{
		{"remove", "DELETE", path, "", 204, nil},
		{"remove again", "DELETE", path, "", 404, nil},
	})
	hers.run(t, []step{{"at once no editor", "POST", "/api/v1/blogs/our-draft/end", "", 403, nil}})
}
