package follow

import (
	"net/netip"
	"sync"
	"time"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

// maxTokenAddresses is how many networks are counted in a minute.
const maxTokenAddresses = 100_000

// pageTokens counts the tokens that pages report views with. A network gets as many in a minute as
// it may hold streams. Otherwise one stream, opened again and again, would be as good as many.
type pageTokens struct {
	perMinute int
	mu        sync.Mutex
	issued    map[netip.Prefix]int
	minute    time.Time
}

func newPageTokens(perMinute int) *pageTokens {
	return &pageTokens{perMinute: perMinute, issued: map[netip.Prefix]int{}}
}

// take reports whether a network may have one more. A client without a valid address comes through
// a proxy that forwards none: it is not one client, and not counted.
func (p *pageTokens) take(network netip.Prefix, now time.Time) bool {
	if p.perMinute == 0 || !network.IsValid() {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.minute) >= time.Minute || len(p.issued) >= maxTokenAddresses {
		p.issued, p.minute = map[netip.Prefix]int{}, now
	}
	if p.issued[network] >= p.perMinute {
		return false
	}
	p.issued[network]++
	return true
}

// pageToken is what a page of the blog reports views with, or "" when its network had too many:
// the page keeps the one it has, or its views do not count.
func (f *Follow) pageToken(blogID uuid.UUID, address string) string {
	if !f.tokens.take(liveblog.Network(address), time.Now()) {
		return ""
	}
	return f.auth.ViewTokens().Issue(blogID)
}
