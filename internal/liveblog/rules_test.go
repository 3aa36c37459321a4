package liveblog

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestBlog_Validate(t *testing.T) {
	t.Parallel()
	good := Blog{Slug: "cup-final", Title: "The cup final", Language: "pt-BR", Status: BlogLive}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Blog){
		"slug too short":   func(b *Blog) { b.Slug = "ab" },
		"slug too long":    func(b *Blog) { b.Slug = strings.Repeat("a", MaxSlug+1) },
		"slug in capitals": func(b *Blog) { b.Slug = "Cup" },
		"slug with hyphen": func(b *Blog) { b.Slug = "cup--final" },
		"slug reserved":    func(b *Blog) { b.Slug = "admin" },
		"no title":         func(b *Blog) { b.Title = "" },
		"long title":       func(b *Blog) { b.Title = strings.Repeat("é", MaxTitle+1) },
		"long summary":     func(b *Blog) { b.Summary = strings.Repeat("x", MaxSummary+1) },
		"language":         func(b *Blog) { b.Language = "english!" },
		"status":           func(b *Blog) { b.Status = "over" },
	} {
		blog := good
		spoil(&blog)
		if err := blog.Validate(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPost_Validate(t *testing.T) {
	t.Parallel()
	good := Post{Title: "Goal", Body: "2:1", Tags: []string{"goal"}}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Post){
		"empty":              func(p *Post) { p.Title, p.Body = "", " \n" },
		"long title":         func(p *Post) { p.Title = strings.Repeat("x", MaxTitle+1) },
		"long body":          func(p *Post) { p.Body = strings.Repeat("x", MaxBody+1) },
		"long byline":        func(p *Post) { p.Byline = strings.Repeat("x", MaxByline+1) },
		"many tags":          func(p *Post) { p.Tags = make([]string, MaxTags+1) },
		"long tag":           func(p *Post) { p.Tags = []string{strings.Repeat("x", MaxTag+1)} },
		"external id":        func(p *Post) { p.ExternalID = "a\nb" },
		"NUL":                func(p *Post) { p.Body = "a\x00b" },
		"not UTF-8 in title": func(p *Post) { p.Title = "\xff" },
	} {
		post := good
		spoil(&post)
		if err := post.Validate(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPost_Normalize(t *testing.T) {
	t.Parallel()
	p := Post{
		Title: " Goal!\n\tAt last ", Byline: "A\u202edA", Body: "one\r\ntwo\rthree \n\n", ExternalID: " wire:1 ",
		Tags: []string{"#Goal", "goal ", "", "Extra  Time"},
	}
	p.Normalize()
	if p.Title != "Goal! At last" || p.Byline != "AdA" || p.Body != "one\ntwo\nthree" || p.ExternalID != "wire:1" ||
		!slices.Equal(p.Tags, []string{"goal", "extra time"}) {
		t.Errorf("%+v", p)
	}
}

func TestStatus_To(t *testing.T) {
	t.Parallel()
	all := []PostStatus{PostDraft, PostSubmitted, PostPublished, PostRemoved}
	allowed := map[PostStatus][]PostStatus{
		PostDraft:     {PostDraft, PostSubmitted, PostPublished},
		PostSubmitted: {PostDraft, PostSubmitted, PostPublished},
		PostPublished: {PostPublished},
	}
	for _, from := range all {
		for _, to := range all {
			if got := from.To(to) == nil; got != slices.Contains(allowed[from], to) {
				t.Errorf("an edit may take a post from %s to %s: %t", from, to, got)
			}
		}
	}
	blogs := map[BlogStatus][]BlogStatus{
		BlogDraft: {BlogDraft, BlogLive}, BlogLive: {BlogLive, BlogEnded}, BlogEnded: {BlogEnded, BlogLive},
	}
	for from, next := range blogs {
		for _, to := range []BlogStatus{BlogDraft, BlogLive, BlogEnded} {
			if got := from.To(to) == nil; got != slices.Contains(next, to) {
				t.Errorf("a blog may go from %s to %s: %t", from, to, got)
			}
		}
	}
}

func TestPostPatch_Apply(t *testing.T) {
	t.Parallel()
	title, same, tags := "New", "Old", []string{"#B", "a"}
	for name, c := range map[string]struct {
		patch PostPatch
		want  bool
	}{
		"nothing":      {PostPatch{}, false},
		"the same":     {PostPatch{Title: &same}, false},
		"a title":      {PostPatch{Title: &title}, true},
		"tags":         {PostPatch{Tags: &tags}, true},
		"another text": {PostPatch{Content: &Content{Body: "x", HTML: "x", Text: "x"}}, true},
	} {
		p := Post{Title: "Old", Body: "text", Tags: []string{"a"}}
		if got := c.patch.Apply(&p); got != c.want {
			t.Errorf("%s changes something: %t", name, got)
		}
	}
}

func TestRole_AtLeast(t *testing.T) {
	t.Parallel()
	order := []Role{RoleNone, RoleViewer, RoleContributor, RoleEditor, RoleAdmin}
	for i, a := range order {
		for j, b := range order {
			if a.AtLeast(b) != (i >= j) {
				t.Errorf("%q at least %q: %t", a, b, a.AtLeast(b))
			}
		}
	}
	if Role("owner").Valid() || Role("owner").AtLeast(RoleViewer) {
		t.Error("an unknown role is worth something")
	}
}
