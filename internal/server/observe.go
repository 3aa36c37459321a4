package server

import (
	"log/slog"
	"net/http"
	"time"

	"dateline/internal/liveblog"

	"github.com/gin-gonic/gin"
)

// Observer is told of every request that was answered. Route is the pattern, so
// that it has few values; "" is an address that no route wants.
type Observer interface {
	Request(method, route string, status int, took time.Duration)
}

// observe measures and logs requests. What readers do and what only reads is
// logged at the debug level, there is too much of it, unless it fails on our side.
func (s *Server) observe(c *gin.Context) {
	began := time.Now()
	c.Next()
	took, status := time.Since(began), c.Writer.Status()
	if s.options.Observer != nil {
		s.options.Observer.Request(c.Request.Method, c.FullPath(), status, took)
	}
	ctx := c.Request.Context()
	level := requestLevel(c.Request.Method, status, liveblog.PrincipalOf(ctx).Anonymous())
	if !slog.Default().Enabled(ctx, level) { // what follows costs more than a glance
		return
	}
	slog.Log(ctx, level, "request",
		"method", c.Request.Method, "path", c.Request.URL.Path, "status", status,
		"took", took.Round(time.Microsecond).String(), "bytes", max(c.Writer.Size(), 0),
		"principal", liveblog.PrincipalOf(ctx).Key(), "request_id", liveblog.ActorOf(ctx).RequestID)
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
