package pages

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"dateline/internal/liveblog"
)

// Renderer makes HTML of blogs and posts, for pages and for events, from one set of templates.
type Renderer struct {
	assets *assets
	pages  map[string]*template.Template // by name of the file
	post   *template.Template
}

// pageFiles each define the "main" of one kind of page; the other templates are shared.
var pageFiles = []string{"blog.html", "permalink.html", "home.html", "error.html"}

// NewRenderer parses the templates and keeps the assets in memory.
func NewRenderer(templates, files fs.FS) (*Renderer, error) {
	kept, err := newAssets(files)
	if err != nil {
		return nil, err
	}
	r := &Renderer{assets: kept, pages: map[string]*template.Template{}}
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

// clock is a time for readers without a script that shows it in their own zone.
func clock(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04 UTC") }

// viewsText is empty until the post was viewed.
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
