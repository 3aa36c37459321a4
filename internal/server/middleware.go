package server

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"

	"github.com/gin-gonic/gin"
)

var requestIDPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// identify gives every request an id, the client's own if it is a clean one.
func identify(c *gin.Context) {
	id := c.GetHeader("X-Request-Id")
	if !requestIDPattern.MatchString(id) {
		id = rand.Text()
	}
	c.Header("X-Request-Id", id)
	info := requestInfo{ID: id, Address: c.ClientIP()}
	c.Request = c.Request.WithContext(withRequest(c.Request.Context(), info))
	c.Next()
}

// recovery turns a panic into a 500 that tells nothing, and a log line that tells all.
func recovery(c *gin.Context) {
	defer func() {
		if r := recover(); r != nil {
			ctx := c.Request.Context()
			slog.ErrorContext(ctx, "panic", "error", fmt.Sprint(r), "stack", string(debug.Stack()), "request_id", requestID(ctx))
			if !c.Writer.Written() {
				writeProblem(c, newProblem(ctx, http.StatusInternalServerError, "internal", "something went wrong on our side"))
			}
		}
	}()
	c.Next()
}
