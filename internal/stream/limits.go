package stream

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

// Limits bound what readers may take of a node. 0 is no limit.
type Limits struct {
	Streams    int // and long polls, in all
	PerBlog    int
	PerAddress int // of a client; IPv6 addresses count by their /64
	PerSecond  int // new streams
}

// Why a reader is refused, as the metrics tell it.
const (
	fullNode    = "node_limit"
	fullBlog    = "blog_limit"
	fullAddress = "address_limit"
)

// limiter counts open streams and long polls. What nobody holds, it forgets.
type limiter struct {
	limits    Limits
	mu        sync.Mutex
	streams   int
	blogs     map[uuid.UUID]int
	addresses map[netip.Prefix]int
	warned    time.Time
	empty     chan struct{} // closed when the last stream ends, if anybody waits
}

func newLimiter(l Limits) *limiter {
	return &limiter{limits: l, blogs: map[uuid.UUID]int{}, addresses: map[netip.Prefix]int{}}
}

// acquire counts a stream in, or says why not. release counts it out.
func (l *limiter) acquire(blogID uuid.UUID, prefix netip.Prefix) (refusal string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if refusal := l.refuse(blogID, prefix); refusal != "" {
		return refusal
	}
	l.streams++
	l.blogs[blogID]++
	l.addresses[prefix]++
	return ""
}

// refuse says which limit is reached, if any; l.mu is held. What has no address
// comes through a proxy that tells none: it is not counted as one client.
func (l *limiter) refuse(blogID uuid.UUID, prefix netip.Prefix) string {
	switch {
	case reached(l.limits.Streams, l.streams):
		return fullNode
	case reached(l.limits.PerBlog, l.blogs[blogID]):
		return fullBlog
	case prefix.IsValid() && reached(l.limits.PerAddress, l.addresses[prefix]):
		l.warn(prefix)
		return fullAddress
	default:
		return ""
	}
}

func reached(limit, n int) bool { return limit > 0 && n >= limit }

// warn tells the operator, once a minute: most often the address is that of a
// proxy, and all of its readers count as one.
func (l *limiter) warn(prefix netip.Prefix) {
	if time.Since(l.warned) < time.Minute {
		return
	}
	l.warned = time.Now()
	slog.Warn("an address has all the streams it may; a proxy must be named in --trusted-proxies", "address", prefix, "streams", l.limits.PerAddress)
}

func (l *limiter) release(blogID uuid.UUID, prefix netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.streams--
	countOut(l.blogs, blogID)
	countOut(l.addresses, prefix)
	if l.streams == 0 {
		l.lastLeft()
	}
}

// lastLeft tells those who wait for it, and lets go of a crowd's addresses: a map
// never shrinks; l.mu is held.
func (l *limiter) lastLeft() {
	l.blogs, l.addresses = map[uuid.UUID]int{}, map[netip.Prefix]int{}
	if l.empty != nil {
		close(l.empty)
		l.empty = nil
	}
}

func countOut[K comparable](counts map[K]int, key K) {
	if counts[key]--; counts[key] == 0 {
		delete(counts, key)
	}
}

func (l *limiter) open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.streams
}

// wait returns when no stream is open, or ctx ends.
func (l *limiter) wait(ctx context.Context) {
	l.mu.Lock()
	if l.streams == 0 {
		l.mu.Unlock()
		return
	}
	if l.empty == nil {
		l.empty = make(chan struct{})
	}
	empty := l.empty
	l.mu.Unlock()
	select {
	case <-empty:
	case <-ctx.Done():
	}
}

// Prefix is what streams are counted by.
func Prefix(address string) netip.Prefix { return liveblog.Network(address) }
