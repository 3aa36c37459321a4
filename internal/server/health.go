package server

import (
	"errors"
	"net/http"

	"dateline/internal/liveblog"

	"github.com/gin-gonic/gin"
)

func (s *Server) healthRoutes() {
	s.engine.GET("/livez", func(c *gin.Context) { c.String(http.StatusOK, "ok\n") })
	s.engine.GET("/readyz", s.ready)
}

// ready tells a load balancer whether to send requests here, and in a word why not.
func (s *Server) ready(c *gin.Context) {
	c.Header("Cache-Control", "no-store")
	if err := s.options.Ready(c.Request.Context()); err != nil {
		reason := "unavailable"
		if p, ok := errors.AsType[*liveblog.Problem](err); ok {
			reason = p.Code
		}
		c.String(http.StatusServiceUnavailable, "not ready: %s\n", reason)
		return
	}
	c.String(http.StatusOK, "ok\n")
}
