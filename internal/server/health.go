package server

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

func (s *Server) healthRoutes() {
	s.engine.GET("/livez", func(c *gin.Context) { c.String(http.StatusOK, "ok\n") })
	s.engine.GET("/readyz", s.ready)
}

// ready tells a load balancer whether to send requests here. It says what is
// wrong in a word; the log has the rest.
func (s *Server) ready(c *gin.Context) {
	c.Header("Cache-Control", "no-store")
	if err := s.options.Ready(c.Request.Context()); err != nil {
		c.String(http.StatusServiceUnavailable, "not ready: %s\n", problemOf(c.Request.Context(), err).Code)
		return
	}
	c.String(http.StatusOK, "ok\n")
}
