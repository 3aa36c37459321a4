package middleware

import (
	"maps"
	"net/http"

	"dateline/internal/server/problem"

	"github.com/gin-gonic/gin"
)

// sharing lets pages of all other sites read an answer (Fetch, section 3.3). They are anonymous:
// cookies that come with their requests are ignored, and the star keeps browsers from sending
// any. For more they send a token.
var sharing = http.Header{
	"Access-Control-Allow-Origin":   {"*"},
	"Access-Control-Expose-Headers": {"ETag, Idempotent-Replayed, Link, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id"},
}

// preflight answers the request by which a browser asks whether a page of another site may
// send what no form could.
var preflight = http.Header{
	"Access-Control-Allow-Methods": {"GET, HEAD, POST, PUT, PATCH, DELETE"},
	"Access-Control-Allow-Headers": {"Authorization, Cache-Control, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, X-Request-Id"},
	"Access-Control-Max-Age":       {"7200"}, // seconds; more than browsers keep
}

// KeepFromOtherSites makes an answer one that no page of another site may read.
func KeepFromOtherSites(h http.Header) {
	for name := range sharing {
		h.Del(name)
	}
}

// WrongMethod answers methods that an address does not know with 405, and OPTIONS at every
// address with 204. Gin has set Allow.
func WrongMethod(c *gin.Context) {
	if c.Request.Method != http.MethodOptions {
		problem.Write(c, problem.New(c.Request.Context(), http.StatusMethodNotAllowed, "method_not_allowed", "this address does not know the method"))
		return
	}
	if shared(c.Request.URL.Path) {
		maps.Copy(c.Writer.Header(), preflight)
	}
	c.Status(http.StatusNoContent)
}
