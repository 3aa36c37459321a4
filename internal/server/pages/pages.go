// Package pages serves what readers open: the HTML of blogs and posts, feeds, structured data,
// images and the files that pages load. Its Renderer also makes the HTML in events, from the
// same templates.
package pages

import (
	"context"
	"net/url"
	"unicode/utf8"

	"dateline/internal/liveblog"
	"dateline/internal/server/access"
	"dateline/internal/server/cache"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
)

// Store reads what readers' pages show.
type Store interface {
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
	// maxRecentPages is the size of all pages that are kept, in bytes: anybody can request
	// those of any tag.
	maxRecentPages = 64 << 20

	htmlType = "text/html; charset=utf-8"
)

// Options are the parts of a Site.
type Options struct {
	PublicURL *url.URL // nil makes links to the site relative
	Store     Store
	Renderer  *Renderer
	Reads     *access.Reads
	// Outdated reports whether more is known of a blog than a page shows; nil is never.
	Outdated func(liveblog.Head) bool
	// Superseded reports whether a page may contain what was corrected or removed since; nil is
	// never.
	Superseded func(liveblog.Head) bool
}

// Site serves the readers' pages. It keeps each for a second, unless the hub knows of newer
// events.
type Site struct {
	public *url.URL
	store  Store
	render *Renderer
	reads  *access.Reads
	recent *cache.Stale[*renderedPage]
}

// NewSite makes a site without pages in memory.
func NewSite(o Options) *Site {
	knows := cache.Knowledge[*renderedPage]{}
	if o.Outdated != nil {
		knows.Outdated = func(p *renderedPage) bool { return o.Outdated(p.shows) }
	}
	if o.Superseded != nil {
		knows.Superseded = func(p *renderedPage) bool { return o.Superseded(p.shows) }
	}
	return &Site{
		public: o.PublicURL, store: o.Store, render: o.Renderer, reads: o.Reads,
		recent: cache.NewStale(maxRecentPages, (*renderedPage).size, knows),
	}
}

// Home lists the blogs.
func (s *Site) Home() access.Handler { return s.page(s.homePage) }

// Blog is the page of a blog.
func (s *Site) Blog() access.Handler { return s.page(s.blogPage) }

// Post is the page of one post.
func (s *Site) Post() access.Handler { return s.page(s.postPage) }

// AtomFeed is the feed of a blog in Atom (RFC 4287).
func (s *Site) AtomFeed() access.Handler { return s.page(s.atomFeed) }

// JSONFeed is the feed of a blog in JSON Feed 1.1.
func (s *Site) JSONFeed() access.Handler { return s.page(s.jsonFeed) }

// BlogsChanged makes the list of blogs read anew.
func (s *Site) BlogsChanged() { s.recent.Forget(homeKey) }

// page makes the handler of a page, with error pages for people.
func (s *Site) page(serve func(*gin.Context) error) access.Handler {
	return access.Endpoint{Fail: s.fail, Serve: func(c *gin.Context) error {
		if slug, named := c.Params.Get("slug"); named && !liveblog.ValidSlug(slug) {
			return errNoSuchPage
		}
		return serve(c)
	}}
}

// renderedPage is a page of a blog and how much of the log it shows.
type renderedPage struct {
	*cacheable
	shows liveblog.Head
}

func newRenderedPage(body []byte, of *liveblog.Blog) *renderedPage {
	return &renderedPage{newCacheable(body), liveblog.Head{BlogID: of.ID, Epoch: of.Epoch, LastSeq: of.LastSeq, Chain: of.Chain}}
}

// serveRecent answers with what render makes, or made within the last second if the hub knows
// of nothing newer. A page that only lacks newer posts is good: its stream goes on from the
// number in it.
func (s *Site) serveRecent(c *gin.Context, key, contentType string, render func(context.Context) (*renderedPage, error)) error {
	ctx := context.WithoutCancel(c.Request.Context()) // other requests may wait for the same page
	page, err := s.recent.Get(key, func() (*renderedPage, error) { return render(ctx) })
	if err != nil {
		return err
	}
	page.write(c, contentType)
	return nil
}

// rendered makes a page that shows the given state of a blog.
func (s *Site) rendered(template string, view any, of *liveblog.Blog) (*renderedPage, error) {
	html, err := s.render.page(template, view)
	if err != nil {
		return nil, err
	}
	return newRenderedPage(html, of), nil
}

// publicPage reads a page of a blog that is no draft.
func (s *Site) publicPage(ctx context.Context, slug string, q liveblog.PageQuery) (*liveblog.Page, error) {
	page, err := access.ReadOnce(ctx, s.reads, access.BlogKey(slug), func(ctx context.Context) (*liveblog.Page, error) {
		return s.store.Page(ctx, slug, q)
	})
	if err == nil && !page.Blog.Public() {
		return nil, errNoSuchPage
	}
	return page, err
}

var errNoSuchPage = liveblog.Errorf(liveblog.ErrNotFound, "page_not_found", "there is no such page")
