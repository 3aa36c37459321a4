package middleware

import (
	"maps"
	"net/http"
	"strings"

	"dateline/internal/markup"
)

// Policies of the two faces of the product (CSP level 3). Neither allows script or style that
// stands in the HTML. Frames may show embeds only, after a click. The editors' page shows
// images before they are uploaded (blob:) and is never framed.
var (
	readerPolicy = contentPolicy("img-src 'self' data:", "frame-ancestors 'self'")
	editorPolicy = contentPolicy("img-src 'self' data: blob:", "worker-src 'self'", "frame-ancestors 'none'")
)

const permissions = "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()"

func contentPolicy(own ...string) string {
	return strings.Join(append([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "font-src 'self'", "connect-src 'self'",
		"media-src 'self'", "manifest-src 'self'", "form-action 'self'", "base-uri 'none'",
		"frame-src " + strings.Join(markup.EmbedOrigins(), " "),
	}, own...), "; ")
}

// The headers of the two faces. Referrer-Policy must name the origin to embeds: YouTube
// refuses without. Handlers replace these values and never append to them, so that all
// answers can share the slices.
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
	apiHeader  = merged(privateHeader, sharing)
	feedHeader = merged(publicHeader, sharing)
)

func merged(headers ...http.Header) http.Header {
	out := http.Header{}
	for _, h := range headers {
		maps.Copy(out, h)
	}
	return out
}
