package markup

import (
	"net/url"
	"regexp"
)

// provider is a site whose pages can be shown in a frame. pattern matches the host, path and
// query of a URL; src is the URL of the frame, in which its groups expand.
type provider struct {
	name    string
	pattern *regexp.Regexp
	src     string
}

// providers are tried in order. There is no pattern for Bluesky posts that are named by a
// handle: resolving it to the account's identifier takes a request.
var providers = []provider{
	{"YouTube", regexp.MustCompile(`^(?:www\.|m\.)?youtube\.com/watch\?(?:[^#]*&)?v=([\w-]{11})(?:&|$)`), youTube},
	{"YouTube", regexp.MustCompile(`^(?:www\.|m\.)?youtube\.com/(?:shorts|live|embed)/([\w-]{11})(?:[/?]|$)`), youTube},
	{"YouTube", regexp.MustCompile(`^youtu\.be/([\w-]{11})(?:[/?]|$)`), youTube},
	{"Vimeo", regexp.MustCompile(`^(?:www\.)?vimeo\.com/(\d{5,12})(?:[/?]|$)`), `https://player.vimeo.com/video/${1}?dnt=1`},
	{"Bluesky", regexp.MustCompile(`^bsky\.app/profile/(did:plc:[a-z2-7]{24})/post/([a-z2-7]{13})(?:[/?]|$)`), `https://embed.bsky.app/embed/${1}/app.bsky.feed.post/${2}`},
	{"X", regexp.MustCompile(`^(?:www\.|mobile\.)?(?:x|twitter)\.com/\w{1,15}/status/(\d{5,20})(?:[/?]|$)`), `https://platform.twitter.com/embed/Tweet.html?id=${1}&dnt=true`},
	{"Instagram", regexp.MustCompile(`^(?:www\.)?instagram\.com/(?:[\w.]{1,30}/)?(?:p|reel|tv)/([\w-]{5,40})(?:[/?]|$)`), `https://www.instagram.com/p/${1}/embed/`},
	{"TikTok", regexp.MustCompile(`^(?:www\.|m\.)?tiktok\.com/@[\w.-]{1,30}/video/(\d{5,20})(?:[/?]|$)`), `https://www.tiktok.com/player/v1/${1}`},
}

const youTube = `https://www.youtube-nocookie.com/embed/${1}`

// EmbedOrigins returns the only origins that frames in posts may have. They are the
// frame-src of the content security policy.
func EmbedOrigins() []string {
	return []string{
		"https://www.youtube-nocookie.com", "https://player.vimeo.com", "https://embed.bsky.app",
		"https://platform.twitter.com", "https://www.instagram.com", "https://www.tiktok.com",
	}
}

// newCard returns the card of a URL, with its provider if it has one.
func newCard(address string) *card {
	c := &card{url: address}
	u, err := url.Parse(address)
	if err != nil || u.User != nil || u.Port() != "" {
		return c
	}
	key := u.Hostname() + u.EscapedPath()
	if u.RawQuery != "" {
		key += "?" + u.RawQuery
	}
	for _, p := range providers {
		if m := p.pattern.FindStringSubmatchIndex(key); m != nil {
			c.provider = p.name
			c.src = string(p.pattern.ExpandString(nil, p.src, key, m))
			return c
		}
	}
	return c
}
