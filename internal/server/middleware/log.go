package middleware

import (
	"log/slog"
	"net/http"
	"time"

	"dateline/internal/liveblog"

	"github.com/gin-gonic/gin"
)

// Observer measures answered requests. Route is the pattern of the route, so that it has few
// values; it is "" for an address without a route.
type Observer interface {
	Request(method, route string, status int, took time.Duration)
}

// Log measures requests for the observer, which may be nil, and logs them. Requests of readers
// and requests that change nothing are logged at the debug level, since there are many of
// them, unless they fail with a status of the server's own.
func Log(observer Observer) gin.HandlerFunc {
	return func(c *gin.Context) {
		began := time.Now()
		c.Next()
		took, status := time.Since(began), c.Writer.Status()
		if observer != nil {
			observer.Request(c.Request.Method, c.FullPath(), status, took)
		}
		ctx := c.Request.Context()
		actor := liveblog.ActorOf(ctx)
		level := requestLevel(c.Request.Method, status, actor.Principal.Anonymous())
		if !slog.Default().Enabled(ctx, level) { // the attributes cost more than this check
			return
		}
		slog.Log(ctx, level, "request",
			"method", c.Request.Method, "path", c.Request.URL.Path, "status", status,
			"took", took.Round(time.Microsecond).String(), "bytes", max(c.Writer.Size(), 0),
			"principal", actor.Key(), "request_id", actor.RequestID)
	}
}

func requestLevel(method string, status int, anonymous bool) slog.Level {
	switch {
	case status >= http.StatusInternalServerError:
		return slog.LevelWarn
	case anonymous || method == http.MethodGet || method == http.MethodHead:
		return slog.LevelDebug
	default:
		return slog.LevelInfo
	}
}
