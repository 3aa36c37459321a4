package pages

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"dateline/internal/liveblog"
	"dateline/internal/server/middleware"
	"dateline/internal/server/problem"

	"github.com/gin-gonic/gin"
)

// errorView is what error.html sees.
type errorView struct {
	headView
	Status  int
	Heading string
	Text    string
	Blog    *liveblog.Blog // the way back; nil is the list of blogs
	BlogURL string
}

var errorTexts = map[int][2]string{
	http.StatusNotFound:           {"Page not found", "Nothing is published at this address. The link may be mistyped."},
	http.StatusGone:               {"This post was removed", "The editors took this post back. The live blog itself goes on:"},
	http.StatusServiceUnavailable: {"We will be right back", "The page cannot be read at the moment. Please try again in a few seconds."},
	http.StatusTooManyRequests:    {"Too many requests", "Please wait a few seconds and try again."},
}

// fail answers with the error page of err, or not at all when the client has gone.
func (s *Site) fail(c *gin.Context, err error) {
	if errors.Is(err, context.Canceled) {
		c.Abort()
		return
	}
	p := problem.Of(c.Request.Context(), err)
	if err := s.writeError(c, p, nil); err != nil {
		problem.Write(c, p)
	}
}

// writeError answers with an error page, which names the blog unless it is nil. Many clients
// may request a missing page at once, so it is cacheable too.
func (s *Site) writeError(c *gin.Context, p *problem.Problem, blog *liveblog.Blog) error {
	text, ok := errorTexts[p.Status]
	if !ok {
		text = [2]string{"Something went wrong", "The fault is on our side. Please try again later."}
	}
	v := &errorView{headView: headView{Title: text[0], Lang: "en", Dir: "ltr", NoIndex: true}, Status: p.Status, Heading: text[0], Text: text[1]}
	if blog != nil {
		v.Blog, v.BlogURL = blog, liveblog.BlogURL(blog.Slug)
	}
	body, err := s.render.page("error.html", v)
	if err != nil {
		return err
	}
	if p.Status == http.StatusNotFound || p.Status == http.StatusGone {
		b := newCacheable(body)
		b.head(c)
		c.Data(p.Status, htmlType, b.choose(c))
		return nil
	}
	c.Header("Cache-Control", "no-store")
	c.Header("Retry-After", strconv.Itoa(int(problem.RetryAfter.Seconds())))
	c.Data(p.Status, htmlType, body)
	return nil
}

// NotFound answers requests without a route: browsers get a page, programs a problem. A slash
// too many at the end of a page's address is redirected.
func (s *Site) NotFound(c *gin.Context) {
	if to := withoutSlash(c.Request); to != "" {
		c.Header("Cache-Control", "public, max-age=3600")
		c.Redirect(http.StatusPermanentRedirect, to)
		return
	}
	if strings.HasPrefix(c.Request.URL.Path, "/api/") || !strings.Contains(c.GetHeader("Accept"), "text/html") {
		problem.Fail(c, errNoSuchPage)
		return
	}
	s.fail(c, errNoSuchPage)
}

// withoutSlash is the address of a page, a feed or a file without the slashes at its end, or ""
// for all other addresses. It begins with one slash, so that it leads to no other site.
func withoutSlash(r *http.Request) string {
	path := r.URL.EscapedPath()
	if r.Method != http.MethodGet && r.Method != http.MethodHead || middleware.Private(r) {
		return ""
	}
	to := strings.TrimRight(path, "/")
	if to == path || to == "" || strings.HasPrefix(to, "//") || strings.ContainsRune(to, '\\') {
		return ""
	}
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	return to
}
