package server

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"regexp"
	"runtime/debug"

	"dateline/internal/liveblog"
	"dateline/internal/server/problem"

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
	actor := liveblog.Actor{Principal: &liveblog.Principal{}, RequestID: id, Address: c.ClientIP()}
	c.Request = c.Request.WithContext(liveblog.WithActor(c.Request.Context(), actor))
	c.Next()
}

// recovery turns a panic into a 500 that tells nothing, and a log line that tells all.
func recovery(c *gin.Context) {
	defer func() {
		if r := recover(); r != nil {
			ctx := c.Request.Context()
			slog.ErrorContext(ctx, "panic", "error", fmt.Sprint(r), "stack", string(debug.Stack()), "request_id", liveblog.ActorOf(ctx).RequestID)
			if !c.Writer.Written() {
				problem.Write(c, problem.Internal(ctx))
			}
		}
	}()
	c.Next()
}

// handle adapts h to Gin: it returns an error, and this writes the answer.
func handle(h func(*gin.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := h(c); err != nil {
			problem.Fail(c, err)
		}
	}
}
