package pages

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"html/template"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"dateline/internal/liveblog"
	"dateline/internal/markup"
	"dateline/internal/wire"

	"github.com/google/uuid"
	"golang.org/x/net/html"
)

// jsonLD is how the pages' layout holds structured data.
var jsonLD = template.Must(template.New("").Parse(`<script type="application/ld+json">{{.}}</script>`))

// Whatever is written in posts, the feeds and the structured data stay what
// they are, and say what was written.
func FuzzFeeds(f *testing.F) {
	for _, text := range []string{"Goal!", "</title>]]>&<![CDATA[", "</script><script>alert(1)</script>", "<!--", "\x00\x01\ufffe", "=1+1", "\u2028\u2029", "a\r\nb", `"/media/x, /media/y`, "&#x26;amp;", "\U0010ffff"} {
		f.Add(text, "By "+text, "<p>"+text+"</p>", "tag")
		f.Add("", text, `<a href="https://e.com/?`+text+`">x</a>`, text)
	}
	s := NewSite(Options{PublicURL: &url.URL{Scheme: "https", Host: "live.example"}})
	f.Fuzz(func(t *testing.T, title, byline, source, tag string) {
		for _, s := range []string{title, byline, source, tag} {
			if len(s) > 500 || !utf8.ValidString(s) {
				return // the database holds no other text
			}
		}
		page := feedPage(title, markup.Sanitize(source))
		page.Blog.Title = title
		post := &page.Posts[0]
		post.Byline, post.Tags = byline, []string{tag}
		checkAtom(t, s, page)
		checkJSONFeed(t, s, page)
		checkJSONLD(t, s, page)
	})
}

func checkAtom(t *testing.T, s *Site, page *liveblog.Page) {
	t.Helper()
	body, err := xml.Marshal(s.newAtom(page))
	if err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(bytes.NewReader(body))
	var got atomDocument
	if err := d.Decode(&got); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		t.Errorf("something after the feed: %s", body)
	}
	post := &page.Posts[0]
	entry := got.Entries[0]
	author := ""
	if entry.Author != nil {
		author = entry.Author.Name
	}
	told := []string{got.Title, entry.Title, entry.Content.Text, author, entry.Categories[0].Term}
	for i, want := range []string{page.Blog.Title, markup.Headline(post), s.absoluteHTML(post.HTML), post.Byline, post.Tags[0]} {
		if told[i] != inXML(want) {
			t.Errorf("told %q, want %q", told[i], inXML(want))
		}
	}
}

// inXML is what XML 1.0 can hold of a text (section 2.2).
func inXML(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xd7ff || r >= 0xe000 && r <= 0xfffd || r >= 0x10000 {
			return r
		}
		return '\ufffd'
	}, s)
}

func checkJSONFeed(t *testing.T, s *Site, page *liveblog.Page) {
	t.Helper()
	body, err := wire.Marshal(s.newJSONFeed(page))
	var got jsonDocument
	if err := errors.Join(err, json.Unmarshal(body, &got)); err != nil || bytes.ContainsAny(body, "\r\n\x00") {
		t.Fatalf("%v in %s", err, body)
	}
	if item := got.Items[0]; got.Title != page.Blog.Title || item.Title != page.Posts[0].Title || item.ContentText != page.Posts[0].Text || item.ContentHTML != s.absoluteHTML(page.Posts[0].HTML) {
		t.Errorf("told %+v, want %+v", got, page.Posts[0])
	}
}

// checkJSONLD reads the element as a browser does, and its text as a search
// engine does.
func checkJSONLD(t *testing.T, s *Site, page *liveblog.Page) {
	t.Helper()
	var b bytes.Buffer
	if err := jsonLD.Execute(&b, s.liveBlogPosting(page, headView{})); err != nil {
		t.Fatal(err)
	}
	z := html.NewTokenizer(bytes.NewReader(b.Bytes()))
	if z.Next() != html.StartTagToken || z.Next() != html.TextToken {
		t.Fatalf("no script: %s", b.Bytes())
	}
	var got liveBlogPosting
	if err := json.Unmarshal(z.Text(), &got); err != nil || got.Headline != markup.Clip(page.Blog.Title, markup.MaxHeadline) {
		t.Errorf("told %q, want %q: %v", got.Headline, page.Blog.Title, err)
	}
	if z.Next() != html.EndTagToken || z.Next() != html.ErrorToken || bytes.ContainsAny(b.Bytes(), "\u2028\u2029") {
		t.Errorf("something after the data: %s", b.Bytes())
	}
}

// feedPage is a page of a live blog with one post.
func feedPage(title, html string) *liveblog.Page {
	at := time.Date(2026, 11, 21, 15, 2, 0, 0, time.UTC)
	blog := liveblog.Blog{
		ID: uuid.MustParse("00000000-0000-4000-8000-000000000999"), Slug: "cup-final", SummaryHTML: "<p>The <em>final</em>, live.</p>",
		Status: liveblog.BlogLive, Language: "en", Epoch: "epoch1", Version: 1, CreatedAt: at, UpdatedAt: at, StartedAt: &at,
	}
	post := liveblog.Post{
		ID: uuid.MustParse("00000000-0000-4000-8000-000000000001"), Status: liveblog.PostPublished, Version: 1, Position: 1, Title: title,
		HTML: html, Text: markup.OneLine(html), Tags: []string{}, PublishedAt: &at, CreatedAt: at, UpdatedAt: at,
	}
	return &liveblog.Page{Blog: blog, Posts: []liveblog.Post{post}}
}
