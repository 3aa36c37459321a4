package server

import (
	"context"
	"net/http"
	"strings"

	"dateline/internal/liveblog"
	"dateline/internal/server/problem"

	"github.com/gin-gonic/gin"
)

// authenticate finds out who makes a request, before any route is asked. A bad
// Bearer credential is refused at once; for a bad cookie see badCookie.
func (s *Server) authenticate(c *gin.Context) {
	ctx, err := s.recognize(c.Request)
	if err != nil {
		problem.Write(c, problem.Of(c.Request.Context(), err))
		return
	}
	if !liveblog.PrincipalOf(ctx).Anonymous() {
		c.Header("Cache-Control", "no-store")
		if privatePath(c.Request) && c.GetHeader("Authorization") == "" { // the session of a person, which other sites never use
			keepFromOthers(c.Writer.Header())
		}
	}
	c.Request = c.Request.WithContext(ctx)
	c.Next()
}

func (s *Server) recognize(r *http.Request) (context.Context, error) {
	ctx := r.Context()
	bearer, isBearer, err := bearerOf(r)
	if err != nil {
		return nil, err
	}
	b, bad := s.readBrowser(r)
	if err := s.checkOrigin(r, b, isBearer); err != nil {
		return nil, err
	}
	switch {
	case isBearer:
		return s.withBearer(withBrowser(ctx, b), bearer)
	case bad != nil:
		return withBadCookie(withBrowser(ctx, browser{userAgent: b.userAgent}), bad), nil
	default:
		return s.withCookie(withBrowser(ctx, b), b.access), nil
	}
}

// bearerOf reads a credential from Authorization (RFC 6750). Other schemes are
// for others, such as a proxy that asks for a password.
func bearerOf(r *http.Request) (credential string, found bool, err error) {
	values := r.Header.Values("Authorization")
	if len(values) > 1 {
		return "", false, liveblog.Errorf(problem.ErrBadRequest, "duplicate_authorization", "Authorization came twice")
	}
	if len(values) == 0 {
		return "", false, nil
	}
	scheme, credential, _ := strings.Cut(values[0], " ")
	return strings.TrimSpace(credential), strings.EqualFold(scheme, "Bearer"), nil
}

func (s *Server) withBearer(ctx context.Context, credential string) (context.Context, error) {
	p, err := s.whose(ctx, credential)
	if err != nil {
		return nil, err
	}
	return withPrincipal(liveblog.WithAnonymous(ctx, false), p), nil
}

func (s *Server) withCookie(ctx context.Context, access string) context.Context {
	if access == "" {
		return ctx
	}
	p, err := s.whose(ctx, access)
	if err != nil {
		return withBadCookie(ctx, err)
	}
	return withPrincipal(liveblog.WithAnonymous(ctx, false), p)
}
