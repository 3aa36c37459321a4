package stream

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"golang.org/x/time/rate"
)

// Limits bound what readers may take of a node. 0 is no limit.
type Limits struct {
	Streams    int // and long polls, in all
	PerBlog    int
	PerAddress int // of a client; IPv6 addresses count by their /64
	PerSecond  int // new streams
}

// The limit because of which a stream is rejected, as bye and the metrics say it.
const (
	reasonNodeLimit    = "node_limit"
	reasonBlogLimit    = "blog_limit"
	reasonAddressLimit = "address_limit"
)

// limiter counts open streams and long polls. It forgets blogs and addresses that
// have none.
type limiter struct {
	limits    Limits
	mu        sync.Mutex
	streams   int
	blogs     map[uuid.UUID]int
	addresses map[netip.Prefix]int
	warned    time.Time
	empty     chan struct{} // closed when the last stream ends; nil unless wait runs
}

func newLimiter(l Limits) *limiter {
	return &limiter{limits: l, blogs: map[uuid.UUID]int{}, addresses: map[netip.Prefix]int{}}
}

// acquire counts a stream, until release, or returns the limit that is reached. A
// client without an address comes through a proxy that reports none: all of them are
// not counted as one client.
func (l *limiter) acquire(blogID uuid.UUID, prefix netip.Prefix) (reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case reached(l.limits.Streams, l.streams):
		return reasonNodeLimit
	case reached(l.limits.PerBlog, l.blogs[blogID]):
		return reasonBlogLimit
	case prefix.IsValid() && reached(l.limits.PerAddress, l.addresses[prefix]):
		l.warn(prefix)
		return reasonAddressLimit
	}
	l.streams++
	l.blogs[blogID]++
	l.addresses[prefix]++
	return ""
}

func reached(limit, n int) bool { return limit > 0 && n >= limit }

// warn logs once a minute that an address is at its limit. Most often the address is
// that of a proxy, and all of its readers count as one client.
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
	decrement(l.blogs, blogID)
	decrement(l.addresses, prefix)
	if l.streams > 0 {
		return
	}
	// A map never shrinks: new ones drop the addresses of a burst.
	l.blogs, l.addresses = map[uuid.UUID]int{}, map[netip.Prefix]int{}
	if l.empty != nil {
		close(l.empty)
		l.empty = nil
	}
}

func decrement[K comparable](counts map[K]int, key K) {
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

// maxAdmissionWait is how long a new stream waits to be admitted. A waiting request
// holds a connection, so that clients with a longer wait reconnect instead.
const maxAdmissionWait = 2 * time.Second

// admission begins new streams at a steady rate. When thousands of readers reconnect
// in one second, publishers and the readers that are connected go first.
type admission struct{ bucket *rate.Limiter }

// newAdmission admits so many streams a second, a quarter of which may come at once;
// 0 is no limit.
func newAdmission(perSecond int) admission {
	if perSecond == 0 {
		return admission{rate.NewLimiter(rate.Inf, 0)}
	}
	return admission{rate.NewLimiter(rate.Limit(perSecond), max(1, perSecond/4))}
}

// admit waits until a stream may begin. It returns the reason if it may not:
// reasonDraining when the node drains, reasonStorm when the wait would be too long or
// the client left.
func (a admission) admit(ctx context.Context, draining <-chan struct{}) (reason string) {
	admitted := a.await(ctx, draining)
	select {
	case <-draining:
		return reasonDraining
	default:
	}
	if !admitted {
		return reasonStorm
	}
	return ""
}

// await returns true when it is the stream's turn, and false when that is too far
// off, the client leaves or the node drains.
func (a admission) await(ctx context.Context, draining <-chan struct{}) bool {
	turn := a.bucket.Reserve()
	wait := turn.Delay()
	if wait == 0 {
		return true
	}
	if wait > maxAdmissionWait {
		turn.Cancel()
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-draining:
	}
	turn.Cancel()
	return false
}
