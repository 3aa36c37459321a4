// Package middleware holds what every request passes before its route: the request's id, the
// log, recovery from panics, security headers, and the limits of size, time and rate.
package middleware

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

// RequestID gives every request an id, the client's own if it is well formed, and notes the
// id and the client's address in the context.
func RequestID(c *gin.Context) {
	id := c.GetHeader("X-Request-Id")
	if !requestIDPattern.MatchString(id) {
		id = rand.Text()
	}
	c.Header("X-Request-Id", id)
	actor := liveblog.Actor{Principal: &liveblog.Principal{}, RequestID: id, Address: c.ClientIP()}
	c.Request = c.Request.WithContext(liveblog.WithActor(c.Request.Context(), actor))
	c.Next()
}

// Recovery turns a panic into a 500 without details, and a log line with all of them.
func Recovery(c *gin.Context) {
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
