package server

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"dateline/internal/liveblog"
)

func TestEncode(t *testing.T) {
	t.Parallel()
	post := testPost(7, `Goal & "more"`, "<p>One\nnil</p>")
	post.Tags, post.KeyEvent, post.Version = []string{"goal"}, true, 3
	removed := post
	removed.Status, removed.Version = liveblog.PostRemoved, 4
	article := `<article class=\"post key\" id=\"p-00000000-0000-4000-8000-000000000007\" data-id=\"00000000-0000-4000-8000-000000000007\" data-version=\"3\" data-position=\"7\" tabindex=\"-1\" aria-labelledby=\"p-title-00000000-0000-4000-8000-000000000007\">\n<header>\n<p class=\"meta\" lang=\"en\"><span class=\"flag\">Key event</span> <a class=\"permalink\" href=\"/b/cup-final/p/00000000-0000-4000-8000-000000000007\"><time datetime=\"2026-11-21T15:14:00Z\">21 Nov 2026, 15:14 UTC</time></a></p>\n<h2 id=\"p-title-00000000-0000-4000-8000-000000000007\" dir=\"auto\">Goal &amp; &#34;more&#34;</h2>\n</header>\n<div class=\"post-body\" dir=\"auto\"></div>\n<footer><ul class=\"tags\" aria-label=\"Tags\"><li><a href=\"/b/cup-final?tag=goal\" dir=\"auto\">#goal</a></li></ul><p class=\"tools\" lang=\"en\"><span class=\"views\"></span><button class=\"share\" type=\"button\" data-url=\"/b/cup-final/p/00000000-0000-4000-8000-000000000007\">Share</button></p>\n</footer>\n</article>`
	whole := `{"id":"00000000-0000-4000-8000-000000000007","version":3,"position":7,"status":"published","title":"Goal & \"more\"","html":"<p>One\nnil</p>","byline":"","tags":["goal"],"key_event":true,"pinned":false,"published_at":"2026-11-21T15:14:00Z","edited_at":null,"url":"/b/cup-final/p/00000000-0000-4000-8000-000000000007","headline":"Goal & \"more\"","article":"` + article + `"}`
	tests := []struct {
		name  string
		event liveblog.Event
		want  string
		data  string
	}{
		{"a new post", liveblog.Event{Seq: 9, Type: liveblog.EventPost, Post: &post}, "post", whole},
		{"an edit", liveblog.Event{Seq: 9, Type: liveblog.EventUpdate, Post: &post}, "update", whole},
		{"a removal", liveblog.Event{Seq: 9, Type: liveblog.EventDelete, Version: 4, Post: &removed}, "delete", `{"id":"00000000-0000-4000-8000-000000000007","version":4}`},
		{"a post that is removed by now", liveblog.Event{Seq: 9, Type: liveblog.EventPost, Version: 1, Post: &removed}, "delete", `{"id":"00000000-0000-4000-8000-000000000007","version":4}`},
		{"a removal that was undone since", liveblog.Event{Seq: 9, Type: liveblog.EventDelete, Version: 2, Post: &post}, "delete", `{"id":"00000000-0000-4000-8000-000000000007","version":2}`},
	}
	r := newTestRenderer(t)
	for _, test := range tests {
		test.event.Slug, test.event.Chain = "cup-final", "9f2c31aa07d4e58b"
		name, data, err := r.Encode(test.event)
		if err != nil || name != test.want || string(data) != strings.ReplaceAll(test.data, "<p>One\nnil", `<p>One\nnil`) {
			t.Errorf("%s: %s %s %v\nwant %s %s", test.name, name, data, err, test.want, test.data)
		}
	}
}

// An event whose post could not be read is no removal.
func TestEncode_MissingPostIsAnError(t *testing.T) {
	t.Parallel()
	id := testPost(7, "Goal", "").ID
	for _, kind := range []liveblog.EventType{liveblog.EventPost, liveblog.EventUpdate, liveblog.EventDelete} {
		if name, data, err := newTestRenderer(t).Encode(liveblog.Event{Seq: 9, Type: kind, Version: 2, PostID: &id}); err == nil {
			t.Errorf("%s without its post is told as %s %s", kind, name, data)
		}
	}
}

func TestEncodeBlog(t *testing.T) {
	t.Parallel()
	f := cupFinal(1)
	ended := kickOff.Add(2 * time.Hour)
	f.blog.Status, f.blog.EndedAt, f.blog.PinnedPostID = liveblog.BlogEnded, &ended, &f.posts[0].ID
	name, data, err := newTestRenderer(t).Encode(liveblog.Event{Seq: 12, Type: liveblog.EventBlog, Slug: "cup-final", Blog: &f.blog, Pinned: &f.posts[0]})
	if err != nil || name != "blog" {
		t.Fatal(name, err)
	}
	var got map[string]any
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	pinned := got["pinned_post"].(map[string]any)
	if got["status"] != "ended" || got["ended_at"] != "2026-11-21T17:00:00Z" || !strings.HasPrefix(pinned["article"].(string), "<article") {
		t.Errorf("data is %s", data)
	}
	if strings.ContainsAny(string(data), "\r\n\x00") {
		t.Error("data is more than one line")
	}
}
