package middleware

import (
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"sync"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/server/cache"
	"dateline/internal/server/problem"

	"github.com/gin-gonic/gin"
	"golang.org/x/time/rate"
)

const (
	// maxBuckets is how many clients one half of a limiter remembers.
	maxBuckets = 10_000
	// burstSeconds is how many seconds of the rate may come at once.
	burstSeconds = 10
)

// RateLimiter gives each client a bucket that fills steadily. Each node counts for itself. A
// bucket that was not used for as long as it takes to fill is as good as a new one and is
// dropped; so are those used longest ago when there are too many. A nil limiter limits
// nothing.
type RateLimiter struct {
	perSecond rate.Limit
	burst     int
	mu        sync.Mutex
	buckets   *cache.Generations[string, *rate.Limiter]
	warned    time.Time
}

// NewRateLimiter makes a limiter of so many requests a minute, or nil for 0.
func NewRateLimiter(perMinute int) *RateLimiter {
	if perMinute == 0 {
		return nil
	}
	perSecond := rate.Limit(float64(perMinute) / 60)
	return &RateLimiter{
		perSecond: perSecond, burst: max(1, int(perSecond*burstSeconds)),
		buckets: cache.NewGenerations[string, *rate.Limiter](maxBuckets, burstSeconds*time.Second),
	}
}

func (l *RateLimiter) bucket(client string) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, known := l.buckets.Get(client)
	if !known {
		b = rate.NewLimiter(l.perSecond, l.burst)
		l.buckets.Put(client, b)
	}
	return b
}

// Take reports whether a client's network may make one more request. A client without a valid
// address comes through a proxy that forwards none: it is not one client, and not limited.
func (l *RateLimiter) Take(address string) bool {
	if l == nil {
		return true
	}
	network := liveblog.Network(address)
	if !network.IsValid() || l.bucket(network.String()).Allow() {
		return true
	}
	l.warn(network.String())
	return false
}

// warn logs at most once a minute that a network is over its rate. It may be a proxy, all of
// whose readers count as one client.
func (l *RateLimiter) warn(network string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.warned) < time.Minute {
		return
	}
	l.warned = time.Now()
	slog.Warn("an address asks for more than it may; a proxy must be named in --trusted-proxies", "address", network, "per_second", float64(l.perSecond))
}

var errAddressLimit = liveblog.Errorf(liveblog.ErrTooMany, "too_many_requests", "too many requests come from this address; wait and go on")

// AddressLimit is the rate of all requests of one address, whichever clients share it.
type AddressLimit struct {
	Limiter *RateLimiter
	// Exempt reports whether a route, named by its pattern, is not limited.
	Exempt func(route string) bool
	// Proven reports whether a request has a credential that was good a short time ago. Its
	// owner has a rate of its own and does not suffer from others at the same address.
	Proven func(*http.Request) bool
	// Fail answers a request that is over the rate.
	Fail func(*gin.Context, error)
}

// Limit refuses requests over the rate before anything asks whose they are, and notes that
// they are anonymous until then.
func (l AddressLimit) Limit(c *gin.Context) {
	ctx := liveblog.WithAnonymous(c.Request.Context(), true)
	c.Request = c.Request.WithContext(ctx)
	if l.Limiter == nil || l.Exempt(c.FullPath()) || l.Proven(c.Request) || l.Limiter.Take(liveblog.ActorOf(ctx).Address) {
		c.Next()
		return
	}
	l.Fail(c, errAddressLimit)
	c.Abort()
}

// LimitClients refuses requests to the API over the rate of a client with 429, and reports how
// much of the rate is left (draft-ietf-httpapi-ratelimit-headers). A client is a signed-in
// user, a token, or otherwise a network. Exempt routes have limits of their own.
func LimitClients(l *RateLimiter, exempt func(route string) bool) gin.HandlerFunc {
	return func(c *gin.Context) {
		route := c.FullPath()
		if l == nil || !strings.HasPrefix(route, "/api/v1/") || exempt(route) {
			c.Next()
			return
		}
		b := l.bucket(clientOf(c))
		allowed := b.Allow()
		left := max(b.Tokens(), 0)
		full := time.Duration((float64(l.burst) - left) / float64(l.perSecond) * float64(time.Second))
		c.Header("RateLimit-Policy", fmt.Sprintf(`"api";q=%d;w=%d`, l.burst, burstSeconds))
		c.Header("RateLimit", fmt.Sprintf(`"api";r=%d;t=%d`, int(left), int(math.Ceil(full.Seconds()))))
		if !allowed {
			problem.Fail(c, liveblog.Errorf(liveblog.ErrTooMany, "too_many_requests", "this is more than %d requests a second; wait and go on", int(l.perSecond)))
			return
		}
		c.Next()
	}
}

func clientOf(c *gin.Context) string {
	if p := liveblog.PrincipalOf(c.Request.Context()); !p.Anonymous() {
		return p.Key()
	}
	return liveblog.Network(c.ClientIP()).String()
}
