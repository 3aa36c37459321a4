package pages

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"

	"dateline/internal/compress"

	"github.com/gin-gonic/gin"
)

// pageCaching lets shared caches answer for two seconds, and for ten more while they
// revalidate. A page may be a little old: the stream goes on from the page's own data-seq.
// Browsers revalidate each time and mostly get 304.
const pageCaching = "public, max-age=0, s-maxage=2, stale-while-revalidate=10"

// cacheable is a body with its compressed form and its validator.
type cacheable struct {
	plain, gzipped []byte
	tag            string
}

// newCacheable makes a weak validator: the same body may be sent with and without gzip.
func newCacheable(body []byte) *cacheable {
	sum := sha256.Sum256(body)
	return &cacheable{plain: body, gzipped: compress.Fast(body), tag: `W/"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
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
	if !compress.Accepts(c.Request) {
		return b.plain
	}
	c.Header("Content-Encoding", "gzip")
	return b.gzipped
}

// matches compares If-None-Match with a validator, weakly (RFC 9110, section 13.1.2).
func matches(header, tag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimSpace(candidate)
		if candidate == "*" || strings.TrimPrefix(candidate, "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}
