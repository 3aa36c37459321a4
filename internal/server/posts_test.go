package server_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
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

var nextPage = regexp.MustCompile(`^<([^>]*)>; rel="next"$`)

// A client that follows Link gets the rest of the list that was asked for.
func TestListPosts_LinkKeepsWhatWasAsked(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	d.addBlog(t, "our-blog", "live")
	c := d.signedIn(t, adminEmail)
	for _, title := range []string{"a", "b", "x", "c", "d", "e"} {
		tag := "goal & more"
		if title == "x" {
			tag = "other"
		}
		c.run(t, []step{{title, "POST", "/api/v1/blogs/our-blog/posts", `{"title":"` + title + `","tags":["` + tag + `"],"key_event":true}`, http.StatusCreated, nil}})
	}
	var titles []string
	for path := "/api/v1/blogs/our-blog/posts?order=oldest&limit=2&key_event=true&tag=goal+%26+more"; path != ""; {
		w := c.do("GET", path, "")
		var list struct{ Items []struct{ Title string } }
		if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
		for _, item := range list.Items {
			titles = append(titles, item.Title)
		}
		path = ""
		if m := nextPage.FindStringSubmatch(w.Header().Get("Link")); m != nil {
			path = m[1]
		}
	}
	if got := strings.Join(titles, " "); got != "a b c d e" {
		t.Errorf("the list goes %s", got)
	}
}
