package server

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/server/problem"
	"dateline/internal/stream"

	"github.com/gin-gonic/gin"
	"golang.org/x/time/rate"
)

const (
	// maxBuckets bounds how many clients are told apart, twice over.
	maxBuckets = 10_000
	// burstSeconds is how much of the rate may come at once.
	burstSeconds = 10
)

// rateLimiter gives each client a bucket that fills steadily. Each node counts
// for itself. A bucket that nobody took from for as long as it takes to fill is
// as good as a new one, and forgotten; so are the ones used longest ago when
// there are too many.
type rateLimiter struct {
	perSecond rate.Limit
	burst     int
	mu        sync.Mutex
	buckets   *generations[string, *rate.Limiter]
	warned    time.Time
}

// newRateLimiter makes a limiter of so many requests a minute; nil, which limits
// nothing, for none.
func newRateLimiter(perMinute int) *rateLimiter {
	if perMinute == 0 {
		return nil
	}
	perSecond := rate.Limit(float64(perMinute) / 60)
	return &rateLimiter{
		perSecond: perSecond, burst: max(1, int(perSecond*burstSeconds)),
		buckets: newGenerations[string, *rate.Limiter](maxBuckets, burstSeconds*time.Second),
	}
}

// bucket finds the client's.
func (l *rateLimiter) bucket(client string) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, known := l.buckets.get(client)
	if !known {
		b = rate.NewLimiter(l.perSecond, l.burst)
		l.buckets.put(client, b)
	}
	return b
}

// take reports whether an address may have one more. What has no address comes
// through a proxy that tells none: it is not one client.
func (l *rateLimiter) take(address string) bool {
	if l == nil {
		return true
	}
	prefix := stream.Prefix(address)
	if !prefix.IsValid() || l.bucket(prefix.String()).Allow() {
		return true
	}
	l.warn(prefix.String())
	return false
}

// warn tells the operator, once a minute: the address may be a proxy's, all of
// whose readers count as one.
func (l *rateLimiter) warn(address string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.warned) < time.Minute {
		return
	}
	l.warned = time.Now()
	slog.Warn("an address asks for more than it may; a proxy must be named in --trusted-proxies", "address", address, "per_second", float64(l.perSecond))
}

const streamRoute = "/api/v1/blogs/:slug/stream"

// unlimited are the routes that cost nothing but an answer from memory, and the
// streams, which have limits of their own.
var unlimited = map[string]bool{
	streamRoute: true, "/livez": true, "/readyz": true, staticPath + ":name": true, "/favicon.ico": true, "/robots.txt": true,
	"/admin": true, "/admin/*file": true, "/api/docs": true, "/api/docs/*file": true,
}

// limitAddress refuses what is over the rate of an address, before anybody asks
// who it is, and notes that nobody knows yet. Who was known a short time ago has a
// rate of their own, and does not suffer from others behind the same address.
func (s *Server) limitAddress(c *gin.Context) {
	ctx := liveblog.WithAnonymous(c.Request.Context(), true)
	c.Request = c.Request.WithContext(ctx)
	if s.addresses == nil || unlimited[c.FullPath()] || s.familiar(c.Request) || s.addresses.take(liveblog.ActorOf(ctx).Address) {
		c.Next()
		return
	}
	if route := c.FullPath(); route == "/" || strings.HasPrefix(route, "/b/") {
		s.pageError(c, errAddressLimit)
		c.Abort()
		return
	}
	problem.Write(c, problem.Of(ctx, errAddressLimit))
}

var (
	errAddressLimit = liveblog.Errorf(liveblog.ErrTooMany, "too_many_requests", "too many requests come from this address; wait and go on")
	errReadLimit    = liveblog.Errorf(liveblog.ErrTooMany, "too_many_reads", "too much that is not at hand was asked for from this address; wait and go on")
)

// mayRead reports whether the database may be asked something on behalf of a
// stranger, who pays for it. What is at hand is free, so that a thousand readers
// who share an address are no matter.
func (s *Server) mayRead(ctx context.Context) error {
	if !liveblog.Anonymous(ctx) || s.reads.take(liveblog.ActorOf(ctx).Address) {
		return nil
	}
	return errReadLimit
}

// limitRate refuses what is over the rate of a client of the API with 429, and
// tells how much is left (draft-ietf-httpapi-ratelimit-headers). A client is who
// signed in, else the address; the streams have limits of their own.
func (s *Server) limitRate(c *gin.Context) {
	route := c.FullPath()
	if s.rates == nil || !strings.HasPrefix(route, "/api/v1/") || route == streamRoute {
		c.Next()
		return
	}
	b := s.rates.bucket(clientOf(c))
	allowed := b.Allow()
	left := max(b.Tokens(), 0)
	full := time.Duration((float64(s.rates.burst) - left) / float64(s.rates.perSecond) * float64(time.Second))
	c.Header("RateLimit-Policy", fmt.Sprintf(`"api";q=%d;w=%d`, s.rates.burst, burstSeconds))
	c.Header("RateLimit", fmt.Sprintf(`"api";r=%d;t=%d`, int(left), int(math.Ceil(full.Seconds()))))
	if !allowed {
		err := liveblog.Errorf(liveblog.ErrTooMany, "too_many_requests", "this is more than %d requests a second; wait and go on", int(s.rates.perSecond))
		problem.Write(c, problem.Of(c.Request.Context(), err))
		return
	}
	c.Next()
}

func clientOf(c *gin.Context) string {
	if p := liveblog.PrincipalOf(c.Request.Context()); !p.Anonymous() {
		return p.Key()
	}
	return stream.Prefix(c.ClientIP()).String()
}
