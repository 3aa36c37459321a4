package server

import (
	"maps"
	"net/http"
	"strings"

	"dateline/internal/server/problem"

	"github.com/gin-gonic/gin"
)

// sharing lets pages of all other sites read an answer (Fetch, section 3.3). They
// are strangers: no cookie is taken from them, see readBrowser, and the star keeps
// browsers from sending any. What they may do more they show by a token.
var sharing = http.Header{
	"Access-Control-Allow-Origin":   {"*"},
	"Access-Control-Expose-Headers": {"ETag, Idempotent-Replayed, Link, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id"},
}

// The headers of the API, and of what else other sites may show.
var (
	apiHeader  = merged(privateHeader, sharing)
	feedHeader = merged(publicHeader, sharing)
)

// preflight answers the question that a browser asks before a page of another
// site may send what no form could.
var preflight = http.Header{
	"Access-Control-Allow-Methods": {"GET, HEAD, POST, PUT, PATCH, DELETE"},
	"Access-Control-Allow-Headers": {"Authorization, Cache-Control, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, X-Request-Id"},
	"Access-Control-Max-Age":       {"7200"}, // more than browsers keep
}

func merged(headers ...http.Header) http.Header {
	out := http.Header{}
	for _, h := range headers {
		maps.Copy(out, h)
	}
	return out
}

// keepFromOthers makes an answer one that no page of another site may read.
func keepFromOthers(h http.Header) {
	for name := range sharing {
		h.Del(name)
	}
}

// sharedPath reports whether pages of other sites may read what is there: the API
// with its streams, feeds and pictures.
func sharedPath(path string) bool {
	feed := strings.HasPrefix(path, "/b/") && (strings.HasSuffix(path, "/feed.atom") || strings.HasSuffix(path, "/feed.json"))
	return feed || strings.HasPrefix(path, "/api/v1/") || strings.HasPrefix(path, "/media/")
}

// wrongMethod answers methods that an address does not know, and OPTIONS at all
// that there are. Gin has set Allow.
func (s *Server) wrongMethod(c *gin.Context) {
	if c.Request.Method != http.MethodOptions {
		problem.Write(c, problem.New(c.Request.Context(), http.StatusMethodNotAllowed, "method_not_allowed", "this address does not know the method"))
		return
	}
	if sharedPath(c.Request.URL.Path) {
		maps.Copy(c.Writer.Header(), preflight)
	}
	c.Status(http.StatusNoContent)
}

// foreign reports whether a page of another origin makes a browser ask.
func (s *Server) foreign(r *http.Request) bool {
	asked := http.Request{Method: http.MethodPost, URL: r.URL, Host: r.Host, Header: r.Header} // as if it changed something
	return s.crossOrigin.Check(&asked) != nil
}

// headRoutes answers HEAD wherever GET is answered, by the same handler behind the
// same policy; net/http leaves the body out.
func (s *Server) headRoutes() {
	for _, r := range s.engine.Routes() {
		if r.Method == http.MethodGet {
			s.engine.HEAD(r.Path, r.HandlerFunc)
		}
	}
}
