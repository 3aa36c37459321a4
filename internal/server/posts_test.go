package server_test

import (
	"net/http"
	"testing"

	"dateline/internal/liveblog"
)

// A contributor's upsert is an edit like any other: not of what readers see,
// and not of what belongs to somebody else.
func TestCreatePost_ExternalIDGivesNoRights(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	d.addBlog(t, "our-blog", "live")
	d.addUser(t, "ann@example.org", liveblog.RoleContributor)
	ann, admin := d.signedIn(t, "ann@example.org"), d.signedIn(t, adminEmail)
	const posts = "/api/v1/blogs/our-blog/posts"
	admin.run(t, []step{
		{"a published item", "POST", posts, `{"body":"True","external_id":"wire:1"}`, http.StatusCreated, nil},
		{"somebody's draft", "POST", posts, `{"body":"Mine","external_id":"wire:2","status":"draft"}`, http.StatusCreated, nil},
	})
	ann.run(t, []step{
		{"over what readers see", "POST", posts, `{"body":"False","external_id":"wire:1","status":"draft"}`, http.StatusForbidden, []string{"not_allowed"}},
		{"over another's draft", "POST", posts, `{"body":"False","external_id":"wire:2","status":"draft"}`, http.StatusForbidden, []string{"not_yours"}},
		{"her own", "POST", posts, `{"body":"Hers","external_id":"ann:1","status":"draft"}`, http.StatusCreated, nil},
		{"her own again", "POST", posts, `{"body":"Better","external_id":"ann:1","status":"submitted"}`, http.StatusOK, []string{`"submitted"`}},
		{"readers see the truth", "GET", posts, "", http.StatusOK, []string{"True"}},
	})
}
