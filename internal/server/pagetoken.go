package server

import (
	"net/netip"
	"sync"
	"time"

	"dateline/internal/stream"

	"github.com/google/uuid"
)

// maxTokenAddresses bounds how many addresses are told apart in a minute.
const maxTokenAddresses = 100_000

// pageTokens counts the tokens that pages report views with. An address gets as
// many in a minute as it may hold streams: else one stream, opened again and again,
// would be as good as many.
type pageTokens struct {
	perMinute int
	mu        sync.Mutex
	issued    map[netip.Prefix]int
	minute    time.Time
}

func newPageTokens(perMinute int) *pageTokens {
	return &pageTokens{perMinute: perMinute, issued: map[netip.Prefix]int{}}
}

// take reports whether the address may have one more. What has no address comes
// through a proxy that tells none, and is not counted as one client.
func (p *pageTokens) take(address netip.Prefix, now time.Time) bool {
	if p.perMinute == 0 || !address.IsValid() {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.minute) >= time.Minute || len(p.issued) >= maxTokenAddresses {
		p.issued, p.minute = map[netip.Prefix]int{}, now
	}
	if p.issued[address] >= p.perMinute {
		return false
	}
	p.issued[address]++
	return true
}

// pageToken is what a page of the blog reports views with; "" when its address
// had too many: it keeps the one it has, or its views do not count.
func (s *Server) pageToken(blogID uuid.UUID, address string) string {
	if !s.pageTokens.take(stream.Prefix(address), time.Now()) {
		return ""
	}
	return s.auth.ViewTokens().Issue(blogID)
}
