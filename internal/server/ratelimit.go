package server

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/stream"

	"github.com/gin-gonic/gin"
	"golang.org/x/time/rate"
)

const (
	// maxBuckets bounds how many clients are told apart.
	maxBuckets = 20_000
	// burstSeconds is how much of the rate may come at once.
	burstSeconds = 10
)

// rateLimiter gives each client of the API a bucket of requests that fills
// steadily. A client is who signed in, else the address; the streams have limits
// of their own. Each node counts for itself.
type rateLimiter struct {
	perSecond rate.Limit
	burst     int
	mu        sync.Mutex
	buckets   map[string]*rate.Limiter
}

// newRateLimiter makes a limiter of so many requests a minute; nil, which limits
// nothing, for none.
func newRateLimiter(perMinute int) *rateLimiter {
	if perMinute == 0 {
		return nil
	}
	perSecond := rate.Limit(float64(perMinute) / 60)
	return &rateLimiter{perSecond: perSecond, burst: max(1, int(perSecond)*burstSeconds), buckets: map[string]*rate.Limiter{}}
}

// bucket finds the client's, and forgets the full ones when there are too many:
// a full bucket is as good as a new one.
func (l *rateLimiter) bucket(client string) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := l.buckets[client]; b != nil {
		return b
	}
	if len(l.buckets) >= maxBuckets {
		for key, b := range l.buckets {
			if b.Tokens() >= float64(l.burst) {
				delete(l.buckets, key)
			}
		}
	}
	b := rate.NewLimiter(l.perSecond, l.burst)
	l.buckets[client] = b
	return b
}

// limitRate refuses what is over the rate with 429, and tells every client of
// the API how much is left (draft-ietf-httpapi-ratelimit-headers).
func (s *Server) limitRate(c *gin.Context) {
	path := c.Request.URL.Path
	if s.rates == nil || !strings.HasPrefix(path, "/api/v1/") || strings.HasSuffix(path, "/stream") {
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
		writeProblem(c, problemOf(c.Request.Context(), err))
		return
	}
	c.Next()
}

func clientOf(c *gin.Context) string {
	if p := principal(c.Request.Context()); !p.Anonymous() {
		return p.Key()
	}
	return stream.Prefix(c.ClientIP()).String()
}
