package server

import (
	"context"
	"errors"
	"net/http"

	"dateline/internal/liveblog"
	"dateline/internal/server/access"

	"github.com/gin-gonic/gin"
)

// alive answers that the process runs.
func alive() access.Handler {
	return access.Endpoint{Serve: func(c *gin.Context) error {
		c.String(http.StatusOK, "ok\n")
		return nil
	}}
}

// readiness reports to a load balancer whether to send requests here, and in a word why not.
func readiness(ready func(context.Context) error) access.Handler {
	return access.Endpoint{Serve: func(c *gin.Context) error {
		c.Header("Cache-Control", "no-store")
		if err := ready(c.Request.Context()); err != nil {
			reason := "unavailable"
			if p, ok := errors.AsType[*liveblog.Problem](err); ok {
				reason = p.Code
			}
			c.String(http.StatusServiceUnavailable, "not ready: %s\n", reason)
			return nil
		}
		c.String(http.StatusOK, "ok\n")
		return nil
	}}
}
