package demo

import (
	"image"
	"slices"
	"strings"
	"testing"

	"dateline/internal/liveblog"
	"dateline/internal/markup"

	"github.com/google/uuid"
)

func TestScript_IsAnEvening(t *testing.T) {
	t.Parallel()
	steps := Script()
	count := map[Action]int{}
	for i, s := range steps {
		count[s.Action]++
		if i > 0 && s.At < steps[i-1].At {
			t.Errorf("%s %q at %v comes before what is ahead of it", s.Action, s.Name, s.At)
		}
	}
	if steps[0].Action != Open || steps[len(steps)-1].Action != Close || steps[len(steps)-1].At != at(90, 0) {
		t.Error("it does not open first and close last, after 90 minutes")
	}
	for action, least := range map[Action]int{Publish: 60, Edit: 3, Delete: 2, Pin: 5, Unpin: 1, Upload: 5, Describe: 3} {
		if count[action] < least {
			t.Errorf("%d steps %s, want %d", count[action], action, least)
		}
	}
}

// TestScript_NamesWhatThereIs checks that every step refers to a post that is
// there at its time, and every text to an image that was uploaded.
func TestScript_NamesWhatThereIs(t *testing.T) {
	t.Parallel()
	posts, images := map[string]bool{}, []string{}
	for _, s := range Script() {
		switch s.Action {
		case Publish:
			if posts[s.Name] {
				t.Errorf("a second post %q", s.Name)
			}
			posts[s.Name] = true
		case Edit, Delete, Pin:
			if !posts[s.Name] {
				t.Errorf("%s %q: there is no such post", s.Action, s.Name)
			}
			posts[s.Name] = s.Action != Delete
		case Upload:
			images = append(images, s.Name)
		}
		body := s.Post.Body
		for _, name := range images {
			body = strings.ReplaceAll(body, "{{"+name+"}}", "")
		}
		if strings.Contains(body, "{{") {
			t.Errorf("%s %q names an image that is not there yet", s.Action, s.Name)
		}
	}
}

func TestScript_TextsCanBePublished(t *testing.T) {
	t.Parallel()
	id := uuid.New()
	library := map[uuid.UUID]*liveblog.Media{id: {ID: id, Width: 4, Height: 3, Variants: []liveblog.Variant{{Width: 4, Height: 3, Type: "image/png"}}}}
	p := Player{images: map[string]string{}}
	for _, s := range Script() {
		if s.Action == Upload {
			p.images[s.Name] = markup.Reference(library[id])
		}
		post := p.illustrated(s.Post)
		markdown, err := markup.ToMarkdown(post.Format, post.Body)
		if err != nil {
			t.Errorf("%q: %v", s.Name, err)
		}
		if _, err := markup.Render(markdown, library); err != nil {
			t.Errorf("%q: %v", s.Name, err)
		}
		stored := liveblog.Post{Title: post.Title, Body: markdown, Byline: post.Byline, Tags: post.Tags}
		if err := stored.Validate(); s.Action == Publish && err != nil {
			t.Errorf("%q: %v", s.Name, err)
		}
	}
}

func TestScript_HasAllKindsOfText(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	longest := 0
	for _, s := range Script() {
		all.WriteString(s.Post.Title + "\n" + s.Post.Body + "\n")
		longest = max(longest, len(strings.Fields(s.Post.Body)))
	}
	for _, kind := range []string{"\n> ", "- **", "1. ", "](https://", "\n\nhttps://", "ا", "ש", "潮", "🏮", "```", "~~"} {
		if !strings.Contains(all.String(), kind) {
			t.Errorf("nothing with %q", kind)
		}
	}
	if longest < 4500 || longest > 5500 {
		t.Errorf("the longest post has %d words, want about 5,000", longest)
	}
}

func TestPictures(t *testing.T) {
	t.Parallel()
	for _, s := range Script() {
		if s.Action != Upload {
			continue
		}
		first, second := s.Image.Draw().(*image.RGBA), s.Image.Draw().(*image.RGBA)
		if !slices.Equal(first.Pix, second.Pix) {
			t.Errorf("%s is another picture each time", s.Name)
		}
		if first.Rect.Dx() < 1200 || s.Image.Alt == "" {
			t.Errorf("%s: %v, alt %q", s.Name, first.Rect, s.Image.Alt)
		}
	}
}
