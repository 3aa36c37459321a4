package server

import (
	"context"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"dateline/internal/liveblog"
	"dateline/internal/markup"
	"dateline/internal/server/problem"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
)

// PageStore reads what readers' pages show.
type PageStore interface {
	// Blogs lists blogs, newest first.
	Blogs(ctx context.Context, q liveblog.BlogQuery) ([]liveblog.Blog, error)
	// Page reads a page of a blog of any status in one snapshot, or ErrNotFound.
	Page(ctx context.Context, slug string, q liveblog.PageQuery) (*liveblog.Page, error)
	// BlogPost reads a post of any status together with its blog, or ErrNotFound.
	BlogPost(ctx context.Context, slug string, id uuid.UUID) (*liveblog.Blog, *liveblog.Post, error)
}

const (
	postsPerPage = 20
	blogsOnHome  = 50
	maxTagBytes  = utf8.UTFMax * liveblog.MaxTag
)

// pageRoutes also answers requests that no other route wants.
func (s *Server) pageRoutes() {
	for path, h := range map[string]func(*gin.Context) error{
		"/": s.homePage, "/b/:slug": s.blogPage, "/b/:slug/p/:id": s.postPage,
		"/b/:slug/feed.atom": s.atomFeed, "/b/:slug/feed.json": s.jsonFeed,
	} {
		s.engine.GET(path, s.handlePage(h))
	}
	s.engine.NoRoute(s.notFound)
	s.engine.NoMethod(s.wrongMethod)
}

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

func (s *Server) blogPage(c *gin.Context) error {
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

const htmlType = "text/html; charset=utf-8"

// serveRecent answers with what render makes, or has made within the last
// second if the hub knows of nothing newer.
func (s *Server) serveRecent(c *gin.Context, key, contentType string, render func(context.Context) (*renderedPage, error)) error {
	ctx := context.WithoutCancel(c.Request.Context()) // others may wait for the same page
	page, err := s.recentPages.get(key, func() (*renderedPage, error) { return render(ctx) })
	if err != nil {
		return err
	}
	page.write(c, contentType)
	return nil
}

// publicPage reads a page of a blog that is no draft.
func (s *Server) publicPage(ctx context.Context, slug string, q liveblog.PageQuery) (*liveblog.Page, error) {
	page, err := forAnonymous(ctx, s, "blog "+slug, func(ctx context.Context) (*liveblog.Page, error) {
		return s.pages.Page(ctx, slug, q)
	})
	if err == nil && !page.Blog.Public() {
		return nil, errNoSuchPage
	}
	return page, err
}

// rendered makes a page that shows the given state of a blog.
func (s *Server) rendered(template string, view any, of *liveblog.Blog) (*renderedPage, error) {
	html, err := s.render.page(template, view)
	if err != nil {
		return nil, err
	}
	return newRenderedPage(html, of), nil
}

func newRenderedPage(body []byte, of *liveblog.Blog) *renderedPage {
	return &renderedPage{newCacheable(body), liveblog.Head{BlogID: of.ID, Epoch: of.Epoch, LastSeq: of.LastSeq, Chain: of.Chain}}
}

// renderedPage is a page of a blog and how much of the log it shows.
type renderedPage struct {
	*cacheable
	shows liveblog.Head
}

// maxRecentPages bounds the pages that are kept, in bytes: anybody can ask for
// those of any tag.
const maxRecentPages = 64 << 20

// newRecentPages keeps pages until the hub knows of more. A page that only lacks
// what was added is no fault: its stream goes on from the number in it.
func newRecentPages(outdated, superseded func(liveblog.Head) bool) *recent[*renderedPage] {
	return newRecent(maxRecentPages, (*renderedPage).size, knows[*renderedPage]{
		outdated:   func(p *renderedPage) bool { return outdated(p.shows) },
		superseded: func(p *renderedPage) bool { return superseded != nil && superseded(p.shows) },
	})
}

var errNoSuchPage = liveblog.Errorf(liveblog.ErrNotFound, "page_not_found", "there is no such page")

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

func (s *Server) blogView(p *liveblog.Page, q liveblog.PageQuery) *blogView {
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
func (s *Server) blogHead(p *liveblog.Page, q liveblog.PageQuery) headView {
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
func (s *Server) head(b *liveblog.Blog) headView {
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

// permalinkView is what permalink.html sees.
type permalinkView struct {
	headView
	Blog       *liveblog.Blog
	BlogURL    string
	StatusWord string
	UpdatedAt  time.Time
	Post       articleView
	After      int64 // cursor of the page of the timeline that starts with the post
}

func (s *Server) postPage(c *gin.Context) error {
	id, err := uuid.Parse(c.Param("id"))
	if err != nil || id.String() != c.Param("id") {
		return errNoSuchPage
	}
	slug := c.Param("slug")
	err = s.serveRecent(c, liveblog.PostURL(slug, id), htmlType, func(ctx context.Context) (*renderedPage, error) {
		blog, post, err := s.publicPost(ctx, slug, id)
		if err != nil {
			return nil, err
		}
		return s.rendered("permalink.html", s.permalinkView(blog, post), blog)
	})
	if removed, ok := errors.AsType[*removedError](err); ok {
		return s.writeError(c, problem.New(c.Request.Context(), http.StatusGone, "post_removed", ""), removed.from)
	}
	return err
}

// removedError is the error for a post that was taken back; its page names the blog.
type removedError struct{ from *liveblog.Blog }

// Error says what happened.
func (*removedError) Error() string { return "the post was removed" }

// publicPost reads a post that readers may see.
func (s *Server) publicPost(ctx context.Context, slug string, id uuid.UUID) (*liveblog.Blog, *liveblog.Post, error) {
	if err := s.mayRead(ctx); err != nil {
		return nil, nil, err
	}
	blog, post, err := s.pages.BlogPost(ctx, slug, id)
	switch {
	case err != nil:
		return nil, nil, err
	case !blog.Public():
		return nil, nil, errNoSuchPage
	case post.Status == liveblog.PostRemoved && post.Position > 0:
		return nil, nil, &removedError{blog}
	case post.Status != liveblog.PostPublished:
		return nil, nil, errNoSuchPage
	default:
		return blog, post, nil
	}
}

func (s *Server) permalinkView(b *liveblog.Blog, p *liveblog.Post) *permalinkView {
	here := liveblog.BlogURL(b.Slug)
	v := &permalinkView{
		headView: s.head(b), Blog: b, BlogURL: here, StatusWord: statusWord(b.Status),
		UpdatedAt: lastUpdate(*b, []liveblog.Post{*p}), Post: newArticle(p, b.Slug, anchorFeed), After: p.Position + 1,
	}
	v.Title, v.OGType = markup.Headline(p), "article"
	v.Description = markup.Clip(p.Text, maxDescription)
	v.ShareURL = s.absolute(v.Post.URL)
	v.Canonical = s.absolute(here)
	if standsAlone(p) {
		v.Canonical = v.ShareURL
	}
	v.Image = s.imageOf(p.HTML)
	v.JSONLD = s.blogPosting(p, b.Slug)
	return v
}

// standsAlone reports whether a post is worth a search result of its own; a
// one-line post belongs to its blog's.
func standsAlone(p *liveblog.Post) bool {
	const paragraph = 200
	return p.Title != "" || len([]rune(p.Text)) >= paragraph
}

// homeView is what home.html sees.
type homeView struct {
	headView
	Blogs []homeBlog
}

type homeBlog struct {
	liveblog.Blog
	URL        string
	Text       string
	StatusWord string
}

func (s *Server) homePage(c *gin.Context) error {
	return s.serveRecent(c, "/", htmlType, func(ctx context.Context) (*renderedPage, error) {
		if err := s.mayRead(ctx); err != nil {
			return nil, err
		}
		blogs, err := s.pages.Blogs(ctx, liveblog.BlogQuery{Limit: blogsOnHome})
		if err != nil {
			return nil, err
		}
		return s.rendered("home.html", s.homeView(blogs), &liveblog.Blog{})
	})
}

func (s *Server) homeView(blogs []liveblog.Blog) *homeView {
	v := &homeView{headView: headView{
		Title: "Live blogs", Lang: "en", Dir: "ltr", OGType: "website",
		Canonical: s.absolute("/"), ShareURL: s.absolute("/"),
	}}
	for _, b := range blogs {
		v.Blogs = append(v.Blogs, homeBlog{b, liveblog.BlogURL(b.Slug), markup.Clip(markup.OneLine(b.SummaryHTML), maxDescription), statusWord(b.Status)})
	}
	slices.SortStableFunc(v.Blogs, func(a, b homeBlog) int { // live ones first; both newest first
		return strings.Compare(string(b.Status), string(a.Status))
	})
	return v
}
