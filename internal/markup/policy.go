package markup

import (
	"regexp"
	"strings"

	"github.com/microcosm-cc/bluemonday"
)

var (
	webURL    = regexp.MustCompile(`(?i)^https?://[^\s/?#:@\\]`)
	linkURL   = regexp.MustCompile(`(?i)^(https?://[^\s/?#:@\\]|mailto:[^\s/#])`)
	mediaPath = regexp.MustCompile(`^/media/[0-9a-f-]{36}/\d{1,5}\.(jpg|png)$`)
	mediaSet  = regexp.MustCompile(`^/media/[0-9a-f-]{36}/\d{1,5}\.(jpg|png) \d{1,5}w(, /media/[0-9a-f-]{36}/\d{1,5}\.(jpg|png) \d{1,5}w)*$`)
	number    = regexp.MustCompile(`^\d{1,9}$`)
)

// allowedURL reports whether a link may point to u.
func allowedURL(u string) bool { return linkURL.MatchString(u) }

// readerPolicy allows what the HTML of a post may consist of.
var readerPolicy = newReaderPolicy()

func newReaderPolicy() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "hr", "h3", "h4", "ul", "ol", "li", "blockquote", "pre", "code",
		"em", "strong", "del", "figure", "figcaption", "span")
	p.RequireParseableURLs(true)
	p.AllowRelativeURLs(true) // of uploaded images; links must match linkURL
	p.AllowURLSchemes("http", "https", "mailto")
	p.AllowAttrs("href").Matching(linkURL).OnElements("a")
	p.AllowAttrs("rel").Matching(exactly(rel)).OnElements("a")
	p.AllowAttrs("start").Matching(number).OnElements("ol")
	p.AllowAttrs("class").Matching(exactly("image", "embed")).OnElements("figure")
	p.AllowAttrs("class").Matching(exactly("credit")).OnElements("span")
	p.AllowAttrs("data-embed-src").Matching(embedSrc()).OnElements("figure")
	p.AllowAttrs("data-embed-provider").Matching(exactly(providerNames()...)).OnElements("figure")
	allowImages(p)
	return p
}

func allowImages(p *bluemonday.Policy) {
	p.AllowAttrs("src").Matching(mediaPath).OnElements("img")
	p.AllowAttrs("srcset").Matching(mediaSet).OnElements("img")
	p.AllowAttrs("sizes").Matching(exactly(sizes)).OnElements("img")
	p.AllowAttrs("width", "height").Matching(number).OnElements("img")
	p.AllowAttrs("loading").Matching(exactly("lazy")).OnElements("img")
	p.AllowAttrs("decoding").Matching(exactly("async")).OnElements("img")
	p.AllowAttrs("alt").OnElements("img")
}

func exactly(values ...string) *regexp.Regexp {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = regexp.QuoteMeta(v)
	}
	return regexp.MustCompile(`^(` + strings.Join(quoted, "|") + `)$`)
}

func embedSrc() *regexp.Regexp {
	origins := exactly(EmbedOrigins()...).String()
	return regexp.MustCompile(strings.TrimSuffix(origins, "$") + `/[\w./:?=&-]{1,200}$`)
}

func providerNames() []string {
	var names []string
	for _, p := range providers {
		names = append(names, p.name)
	}
	return names
}

// sourcePolicy allows what is converted of the HTML that a client sends.
var sourcePolicy = newSourcePolicy()

func newSourcePolicy() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "div", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li",
		"blockquote", "pre", "code", "em", "i", "strong", "b", "del", "s", "strike")
	p.RequireParseableURLs(true)
	p.AllowURLSchemes("http", "https", "mailto", "media")
	p.AllowAttrs("href").Matching(linkURL).OnElements("a")
	p.AllowAttrs("src", "alt", "title").OnElements("img")
	p.AllowAttrs("start").Matching(number).OnElements("ol")
	return p
}
