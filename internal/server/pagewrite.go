package server

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"dateline/internal/liveblog"
	"dateline/internal/server/problem"

	"github.com/gin-gonic/gin"
)

// pageCaching lets shared caches answer for two seconds, and once more while
// they ask again. A page that is a little old is no fault: the stream goes on
// from the page's own data-seq. Browsers ask each time and mostly get 304.
const pageCaching = "public, max-age=0, s-maxage=2, stale-while-revalidate=10"

// cacheable is a body with what is needed to answer for it again.
type cacheable struct {
	plain, gzipped []byte
	tag            string
}

// newCacheable makes a weak tag: the same body may be sent with and without gzip.
func newCacheable(body []byte) *cacheable {
	sum := sha256.Sum256(body)
	return &cacheable{plain: body, gzipped: fastGzip(body), tag: `W/"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
}

func (b *cacheable) size() int { return len(b.plain) + len(b.gzipped) }

// write answers 304 if the client has this body.
func (b *cacheable) write(c *gin.Context, contentType string) {
	b.head(c)
	if matches(c.GetHeader("If-None-Match"), b.tag) {
		c.Status(http.StatusNotModified)
		c.Writer.WriteHeaderNow()
		return
	}
	c.Data(http.StatusOK, contentType, b.choose(c))
}

func (b *cacheable) head(c *gin.Context) {
	c.Header("Cache-Control", pageCaching)
	c.Header("Vary", "Accept-Encoding")
	c.Header("ETag", b.tag)
}

func (b *cacheable) choose(c *gin.Context) []byte {
	if !acceptsGzip(c.Request) {
		return b.plain
	}
	c.Header("Content-Encoding", "gzip")
	return b.gzipped
}

// writeCacheable answers with a body that shared caches may keep.
func writeCacheable(c *gin.Context, status int, contentType string, body []byte) {
	b := newCacheable(body)
	if status == http.StatusOK {
		b.write(c, contentType)
		return
	}
	b.head(c)
	c.Data(status, contentType, b.choose(c))
}

// matches compares weakly (RFC 9110, section 13.1.2).
func matches(header, tag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimSpace(candidate)
		if candidate == "*" || strings.TrimPrefix(candidate, "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}

// gzipWriters are kept: each holds most of a megabyte.
var gzipWriters = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	return w
}}

func fastGzip(body []byte) []byte {
	w := gzipWriters.Get().(*gzip.Writer)
	defer gzipWriters.Put(w)
	var out bytes.Buffer
	w.Reset(&out)
	_, _ = w.Write(body)
	_ = w.Close()
	return out.Bytes()
}

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

// handlePage adapts h to Gin like handle does, with error pages for people.
func (s *Server) handlePage(h func(*gin.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		err := errNoSuchPage
		if slug, named := c.Params.Get("slug"); !named || liveblog.ValidSlug(slug) {
			err = h(c)
		}
		if err != nil {
			s.pageError(c, err)
		}
	}
}

func (s *Server) pageError(c *gin.Context, err error) {
	if errors.Is(err, context.Canceled) {
		c.Abort() // nobody is there to read it
		return
	}
	p := problem.Of(c.Request.Context(), err)
	if err := s.writeError(c, p, nil); err != nil {
		problem.Write(c, p)
	}
}

// writeError answers with an error page; blog is named on it if not nil.
// Missing pages may be asked for by many at once, so they are cacheable too.
func (s *Server) writeError(c *gin.Context, p *problem.Problem, blog *liveblog.Blog) error {
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
		writeCacheable(c, p.Status, "text/html; charset=utf-8", body)
		return nil
	}
	c.Header("Cache-Control", "no-store")
	c.Header("Retry-After", strconv.Itoa(int(problem.RetryAfter.Seconds())))
	c.Data(p.Status, "text/html; charset=utf-8", body)
	return nil
}

// notFound answers requests that no route wants: browsers get a page, programs a
// problem. A slash too many at the end of a page's address is forgiven.
func (s *Server) notFound(c *gin.Context) {
	if to := withoutSlash(c.Request); to != "" {
		c.Header("Cache-Control", "public, max-age=3600")
		c.Redirect(http.StatusPermanentRedirect, to)
		return
	}
	if strings.HasPrefix(c.Request.URL.Path, "/api/") || !strings.Contains(c.GetHeader("Accept"), "text/html") {
		problem.Write(c, problem.Of(c.Request.Context(), errNoSuchPage))
		return
	}
	s.pageError(c, errNoSuchPage)
}

// withoutSlash is where a reader meant to go whose address of a page, a feed or a
// file ends with slashes; "" for all other addresses. It begins with one slash, so that
// it leads to no other site.
func withoutSlash(r *http.Request) string {
	path := r.URL.EscapedPath()
	if r.Method != http.MethodGet && r.Method != http.MethodHead || privatePath(r) {
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
