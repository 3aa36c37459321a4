package pages

import (
	"context"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"dateline/internal/liveblog"
	"dateline/internal/markup"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
)

// headView is what the layout needs to know of any page.
type headView struct {
	Title       string
	Description string
	Lang        string // of the content
	Dir         string // ltr or rtl
	Canonical   string // the one address search engines keep; "" for pages not worth keeping
	ShareURL    string // what cards on other sites link to
	OGType      string
	Feeds       string // path of the blog whose feeds the page offers
	NextURL     string
	NoIndex     bool
	Image       *imageView
	JSONLD      any
}

// blogView is what blog.html sees.
type blogView struct {
	headView
	Blog        liveblog.Blog
	BlogURL     string
	StartURL    string // the first page in this order, with this filter
	Kind        string // first, older or filtered: what the script may insert
	StatusWord  string
	UpdatedAt   time.Time
	Summary     template.HTML
	Pinned      *articleView
	KeyEvents   []keyEventView
	Posts       []articleView
	First       bool
	OldestFirst bool
	KeyOnly     bool
	PlainOrder  bool
	Tag         string
}

type keyEventView struct {
	ID          uuid.UUID
	Version     int64
	Position    int64
	Title       string
	Href        string // within the page if the post is on it
	PublishedAt time.Time
}

func (s *Site) blogPage(c *gin.Context) error {
	q, err := pageQuery(c.Request.URL.Query())
	if err != nil {
		return err
	}
	slug := c.Param("slug")
	return s.serveRecent(c, pagePath(slug, q), htmlType, func(ctx context.Context) (*renderedPage, error) {
		page, err := s.publicPage(ctx, slug, q)
		if err != nil {
			return nil, err
		}
		return s.rendered("blog.html", s.blogView(page, q), &page.Blog)
	})
}

// pageQuery reads the addresses that blogView makes.
func pageQuery(v url.Values) (liveblog.PageQuery, error) {
	q := liveblog.PageQuery{
		OldestFirst: v.Get("order") == "oldest", KeyEvents: v.Get("filter") == "key",
		Tag: v.Get("tag"), Limit: postsPerPage,
	}
	if len(q.Tag) > maxTagBytes || !utf8.ValidString(q.Tag) || strings.ContainsRune(q.Tag, 0) {
		return q, errNoSuchPage
	}
	cursor := v.Get(cursorName(q))
	if cursor == "" {
		return q, nil
	}
	n, err := strconv.ParseUint(cursor, 10, 63)
	if err != nil || n == 0 {
		return q, errNoSuchPage
	}
	q.Cursor = int64(n)
	return q, nil
}

// cursorName keeps the address of a page stable: it names the posts by the one
// they follow in reading order, so a new post moves none from page to page.
func cursorName(q liveblog.PageQuery) string {
	if q.OldestFirst {
		return "after"
	}
	return "before"
}

// pagePath is the address of the page that q reads.
func pagePath(slug string, q liveblog.PageQuery) string {
	v := url.Values{}
	if q.OldestFirst {
		v.Set("order", "oldest")
	}
	if q.KeyEvents {
		v.Set("filter", "key")
	}
	if q.Tag != "" {
		v.Set("tag", q.Tag)
	}
	if q.Cursor > 0 {
		v.Set(cursorName(q), strconv.FormatInt(q.Cursor, 10))
	}
	if len(v) == 0 {
		return liveblog.BlogURL(slug)
	}
	return liveblog.BlogURL(slug) + "?" + v.Encode()
}

func (s *Site) blogView(p *liveblog.Page, q liveblog.PageQuery) *blogView {
	b, here := p.Blog, liveblog.BlogURL(p.Blog.Slug)
	v := &blogView{
		headView: s.blogHead(p, q), Blog: b, BlogURL: here, Kind: pageKind(q), StatusWord: statusWord(b.Status),
		UpdatedAt: lastUpdate(b, p.Posts), Summary: template.HTML(b.SummaryHTML), First: p.First,
		OldestFirst: q.OldestFirst, KeyOnly: q.KeyEvents, Tag: q.Tag,
	}
	v.PlainOrder = !q.OldestFirst && !q.KeyEvents && q.Tag == ""
	v.StartURL = pagePath(b.Slug, withCursor(q, 0))
	for i := range p.Posts {
		v.Posts = append(v.Posts, newArticle(&p.Posts[i], b.Slug, anchorFeed))
	}
	if p.Pinned != nil {
		pinned := newArticle(p.Pinned, b.Slug, anchorPinned)
		v.Pinned = &pinned
	}
	v.KeyEvents = keyEvents(p)
	return v
}

func withCursor(q liveblog.PageQuery, cursor int64) liveblog.PageQuery {
	q.Cursor = cursor
	return q
}

func pageKind(q liveblog.PageQuery) string {
	switch {
	case q.OldestFirst || q.KeyEvents || q.Tag != "":
		return "filtered"
	case q.Cursor > 0:
		return "older"
	default:
		return "first"
	}
}

// blogHead: only the unfiltered pages are for search engines, each under its own address.
func (s *Site) blogHead(p *liveblog.Page, q liveblog.PageQuery) headView {
	b, kind := p.Blog, pageKind(q)
	h := s.head(&b)
	h.Title, h.Description, h.OGType = b.Title, markup.Clip(markup.OneLine(b.SummaryHTML), maxDescription), "article"
	h.NoIndex = b.Unlisted || kind == "filtered"
	h.Canonical, h.ShareURL = s.absolute(liveblog.BlogURL(b.Slug)), s.absolute(liveblog.BlogURL(b.Slug))
	if kind == "older" {
		h.Canonical = s.absolute(pagePath(b.Slug, q))
	}
	if p.Next > 0 {
		h.NextURL = pagePath(b.Slug, withCursor(q, p.Next))
	}
	h.Image = s.pageImage(p)
	h.JSONLD = s.liveBlogPosting(p, h)
	return h
}

// head has what the pages of a blog share.
func (s *Site) head(b *liveblog.Blog) headView {
	return headView{Lang: b.Language, Dir: direction(b.Language), Feeds: liveblog.BlogURL(b.Slug), NoIndex: b.Unlisted}
}

// keyEvents links to posts on this page where it can: that needs no request.
func keyEvents(p *liveblog.Page) []keyEventView {
	shown := map[uuid.UUID]bool{}
	for i := range p.Posts {
		shown[p.Posts[i].ID] = true
	}
	var out []keyEventView
	for i := range p.KeyEvents {
		post := newArticle(&p.KeyEvents[i], p.Blog.Slug, anchorFeed)
		v := keyEventView{ID: post.ID, Version: post.Version, Position: post.Position, Title: markup.Headline(&post.Post), Href: post.URL, PublishedAt: post.PublishedAt}
		if shown[post.ID] {
			v.Href = "#" + anchorFeed + "-" + post.ID.String()
		}
		out = append(out, v)
	}
	return out
}

func statusWord(s liveblog.BlogStatus) string {
	if s == liveblog.BlogEnded {
		return "Ended"
	}
	return "Live"
}

// lastUpdate is the time of the last visible change that the page knows of.
func lastUpdate(b liveblog.Blog, posts []liveblog.Post) time.Time {
	last := b.UpdatedAt
	for i := range posts {
		for _, t := range []*time.Time{posts[i].PublishedAt, posts[i].EditedAt} {
			if t != nil && t.After(last) {
				last = *t
			}
		}
	}
	return last
}
