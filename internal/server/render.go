package server

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/url"
	"strconv"
	"strings"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/markup"
	"dateline/internal/wire"
)

// Renderer makes HTML of the nouns, for pages and for the stream, from one set of templates.
type Renderer struct {
	base   *url.URL // scheme and host of absolute links; nil makes them relative
	assets *assets
	pages  map[string]*template.Template // by name of the file
	post   *template.Template
}

// pageFiles each define the "main" of one kind of page; the other templates are shared.
var pageFiles = []string{"blog.html", "permalink.html", "home.html", "error.html"}

// NewRenderer parses the templates and keeps the assets in memory. Links that
// leave the site, as in feeds and cards, start with public.
func NewRenderer(public *url.URL, templates, files fs.FS) (*Renderer, error) {
	kept, err := newAssets(files)
	if err != nil {
		return nil, err
	}
	r := &Renderer{base: public, assets: kept, pages: map[string]*template.Template{}}
	shared, err := template.New("").Funcs(r.funcs()).ParseFS(templates, "layout.html", "post.html")
	if err != nil {
		return nil, fmt.Errorf("parse templates: %w", err)
	}
	r.post = shared.Lookup("post")
	for _, name := range pageFiles {
		if r.pages[name], err = template.Must(shared.Clone()).ParseFS(templates, name); err != nil {
			return nil, fmt.Errorf("parse %s: %w", name, err)
		}
	}
	return r, nil
}

func (r *Renderer) funcs() template.FuncMap {
	return template.FuncMap{"asset": r.assets.url, "stamp": stamp, "clock": clock, "views": viewsText}
}

// stamp is a time for programs: RFC 3339, UTC.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// clock is a time for people who have no script to show it in their own zone.
func clock(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04 UTC") }

// viewsText is empty until somebody viewed the post.
func viewsText(n int64) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "1 view"
	default:
		return grouped(n) + " views"
	}
}

// grouped writes 1234567 as 1,234,567.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	var parts []string
	for len(digits) > 3 {
		parts = append([]string{digits[len(digits)-3:]}, parts...)
		digits = digits[:len(digits)-3]
	}
	return strings.Join(append([]string{digits}, parts...), ",")
}

// page executes one of pageFiles.
func (r *Renderer) page(name string, view any) ([]byte, error) {
	var b bytes.Buffer
	if err := r.pages[name].ExecuteTemplate(&b, "layout", view); err != nil {
		return nil, fmt.Errorf("render %s: %w", name, err)
	}
	return b.Bytes(), nil
}

// articleView is what the template of a post sees.
type articleView struct {
	liveblog.Post
	Anchor      string // start of the element ids: a pinned copy must not repeat those of the original
	URL         string
	BlogURL     string
	Body        template.HTML
	PublishedAt time.Time
}

// The two places where an article of one post can stand on the same page.
const (
	anchorFeed   = "p"
	anchorPinned = "pinned"
)

func newArticle(post *liveblog.Post, slug, anchor string) articleView {
	v := articleView{
		Post: *post, Anchor: anchor, BlogURL: liveblog.BlogURL(slug), URL: liveblog.PostURL(slug, post.ID),
		Body: template.HTML(post.HTML), // sanitised when it was stored
	}
	if post.PublishedAt != nil {
		v.PublishedAt = *post.PublishedAt
	}
	return v
}

// article is the whole article of a post with an empty body: an event carries the
// body's HTML beside it, once.
func (r *Renderer) article(post *liveblog.Post, slug string) (string, error) {
	view := newArticle(post, slug, anchorFeed)
	view.Body = ""
	var b strings.Builder
	if err := r.post.Execute(&b, view); err != nil {
		return "", fmt.Errorf("render post %s: %w", post.ID, err)
	}
	return b.String(), nil
}

// Encode makes the name and the data of the server-sent event for ev: one line
// of JSON, without the event's number and chain, which the stream puts in front of
// it. A post that is not published any more is told as delete, whatever
// happened to it at the time.
func (r *Renderer) Encode(ev liveblog.Event) (eventName string, data []byte, err error) {
	name, v, err := r.eventData(ev)
	if err != nil {
		return "", nil, fmt.Errorf("encode event %d: %w", ev.Seq, err)
	}
	data, err = wire.Marshal(v)
	return string(name), data, err
}

func (r *Renderer) eventData(ev liveblog.Event) (liveblog.EventType, any, error) {
	switch {
	case ev.Type == liveblog.EventBlog:
		v, err := r.blogData(ev)
		return ev.Type, v, err
	case ev.Post == nil: // to tell it as a removal could take a published post away
		return "", nil, errors.New("its post is missing")
	case ev.Post.Status != liveblog.PostPublished:
		return liveblog.EventDelete, gone(ev), nil
	case ev.Type == liveblog.EventDelete: // published again since: a later event tells
		return ev.Type, wire.DeleteEvent{ID: ev.Post.ID, Version: ev.Version}, nil
	default:
		v, err := r.postData(ev.Post, ev.Slug)
		return ev.Type, v, err
	}
}

// gone takes the version of the removal, so that a client that keeps the
// highest version never goes back behind it.
func gone(ev liveblog.Event) wire.DeleteEvent {
	return wire.DeleteEvent{ID: ev.Post.ID, Version: max(ev.Version, ev.Post.Version)}
}

func (r *Renderer) postData(p *liveblog.Post, slug string) (*wire.PostEvent, error) {
	article, err := r.article(p, slug)
	if err != nil {
		return nil, err
	}
	return &wire.PostEvent{Post: wire.NewPost(p, slug), Headline: markup.Headline(p), Article: article}, nil
}

func (r *Renderer) blogData(ev liveblog.Event) (*wire.BlogEvent, error) {
	v := &wire.BlogEvent{Blog: wire.NewBlog(ev.Blog)}
	if ev.Pinned == nil || ev.Pinned.Status != liveblog.PostPublished {
		return v, nil
	}
	var err error
	v.PinnedPost, err = r.postData(ev.Pinned, ev.Blog.Slug)
	return v, err
}
