package server

import (
	"maps"
	"net/http"
	"strings"

	"dateline/internal/markup"

	"github.com/gin-gonic/gin"
)

// embedHosts are the only third parties a page may show in a frame, after the reader asked for it.
var embedHosts = markup.EmbedOrigins()

// Policies of the two faces of the product (CSP level 3). Neither allows script
// or style that stands in the HTML. The editors' page shows images before they
// are uploaded (blob:) and is never framed.
var (
	readerPolicy = contentPolicy("img-src 'self' data:", "frame-ancestors 'self'")
	editorPolicy = contentPolicy("img-src 'self' data: blob:", "worker-src 'self'", "frame-ancestors 'none'")
)

const permissions = "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()"

func contentPolicy(own ...string) string {
	return strings.Join(append([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "font-src 'self'", "connect-src 'self'",
		"media-src 'self'", "manifest-src 'self'", "form-action 'self'", "base-uri 'none'",
		"frame-src " + strings.Join(embedHosts, " "),
	}, own...), "; ")
}

// The headers of the two faces. Referrer-Policy must name our origin to embeds:
// YouTube refuses without. What has one value is replaced, never appended to, so
// that all answers can share it.
var (
	publicHeader = http.Header{
		"X-Content-Type-Options":     {"nosniff"},
		"Referrer-Policy":            {"strict-origin-when-cross-origin"},
		"Permissions-Policy":         {permissions},
		"Content-Security-Policy":    {readerPolicy},
		"Cross-Origin-Opener-Policy": {"same-origin-allow-popups"},
	}
	privateHeader = http.Header{
		"X-Content-Type-Options":     {"nosniff"},
		"Referrer-Policy":            {"strict-origin-when-cross-origin"},
		"Permissions-Policy":         {permissions},
		"Content-Security-Policy":    {editorPolicy},
		"X-Frame-Options":            {"DENY"}, // for browsers that do not know frame-ancestors
		"Cross-Origin-Opener-Policy": {"same-origin"},
		"Cache-Control":              {"no-store"}, // a handler with something public to say sets its own
	}
)

// secure sets the headers that limit what a browser lets pages do: ours, and
// those of other sites with what we answer.
func secure(c *gin.Context) {
	face := publicHeader
	switch private, shared := privatePath(c.Request), sharedPath(c.Request.URL.Path); {
	case private && shared:
		face = apiHeader
	case private:
		face = privateHeader
	case shared:
		face = feedHeader
	}
	maps.Copy(c.Writer.Header(), face)
	c.Next()
}

// privatePath reports whether the route may show what only some people may see.
func privatePath(r *http.Request) bool {
	return r.URL.Path == "/admin" || strings.HasPrefix(r.URL.Path, "/admin/") || strings.HasPrefix(r.URL.Path, "/api/")
}
