package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"

	"dateline/internal/auth"
	"dateline/internal/liveblog"
	"dateline/internal/server/problem"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
)

// access is one line of the route table: what the policy is asked for a route.
type access struct {
	Method string
	Path   string
	Action auth.Action
}

// BlogPath is embedded in the input of every operation on one blog. It makes
// register look the blog up and ask the policy about it. Like all that inputs
// embed it is exported, since huma passes over what is not.
type BlogPath struct {
	Slug string `path:"slug" minLength:"3" maxLength:"64" doc:"The blog's slug" example:"cup-final"`
}

func (b BlogPath) blogSlug() string { return b.Slug }

// ReaderPath is a BlogPath for what all readers ask for again and again: the
// blog may be a second old.
type ReaderPath struct{ BlogPath }

func (ReaderPath) mayBeCached() {}

// register adds an operation to the API. Nothing of a request but its head is
// read before the policy said yes to action, for the blog of the path if there
// is one.
func register[I, O any](s *Server, op huma.Operation, action auth.Action, h func(context.Context, *I) (*O, error)) {
	mustFill(reflect.TypeFor[I]())
	s.access = append(s.access, access{op.Method, op.Path, action})
	if action != auth.ReadPublic {
		op.Security = []map[string][]string{{"session": {}}, {"token": {}}}
	}
	op.Middlewares = append(op.Middlewares, s.guard(action, any(*new(I))))
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := h(ctx, in)
		if err != nil {
			return nil, apiError(ctx, err)
		}
		return out, nil
	})
}

// guard makes the middleware that asks the policy. What an operation's input
// embeds tells whether it is about a blog, or about a picture, which may be a blog's.
func (s *Server) guard(action auth.Action, input any) func(huma.Context, func(huma.Context)) {
	_, onBlog := input.(interface{ blogSlug() string })
	_, forBlog := input.(interface{ mayNameBlog() })
	_, onMedia := input.(interface{ mediaID() uuid.UUID })
	_, cached := input.(interface{ mayBeCached() })
	return func(hc huma.Context, next func(huma.Context)) {
		slug := ""
		switch {
		case onBlog:
			slug = hc.Param("slug")
		case forBlog:
			slug = hc.Query("blog")
		}
		ctx, err := hc.Context(), error(nil)
		if !cached {
			err = s.mayRead(ctx)
		}
		if err == nil {
			ctx, err = s.authorize(ctx, action, slug, cached)
			if onMedia {
				err = s.authorizeMedia(ctx, action, hc.Param("id"), err)
			}
		}
		if err != nil {
			refuse(hc, problem.Of(ctx, err))
			return
		}
		next(huma.WithContext(hc, ctx))
	}
}

// refuse answers with a problem. The body was not read, so the connection can't
// be used again.
func refuse(hc huma.Context, p *problem.Problem) {
	if wait, helps := p.RetryAfter(); helps {
		hc.SetHeader("Retry-After", wait)
	}
	if hc.Header("Content-Length") != "" || hc.Header("Transfer-Encoding") != "" {
		hc.SetHeader("Connection", "close")
	}
	hc.SetHeader("Content-Type", p.ContentType(""))
	hc.SetStatus(p.Status)
	_ = json.NewEncoder(hc.BodyWriter()).Encode(p) // the client is gone if this fails
}

// mustFill panics when huma would leave a part of an input empty.
func mustFill(input reflect.Type) {
	for i := range input.NumField() {
		switch f := input.Field(i); {
		case f.Anonymous && !f.IsExported():
			panic(fmt.Sprintf("%s embeds %s, which huma skips: export it", input, f.Type))
		case f.Anonymous:
			mustFill(f.Type)
		}
	}
}

// apiError gives huma the problem, with Retry-After where waiting helps.
func apiError(ctx context.Context, err error) error {
	p := problem.Of(ctx, err)
	if stale, ok := errors.AsType[*liveblog.StaleError](err); ok {
		p.Current = currentBody(ctx, stale.Current)
	}
	if wait, helps := p.RetryAfter(); helps {
		return huma.ErrorWithHeaders(p, http.Header{"Retry-After": {wait}})
	}
	return p
}

// currentBody shows what a change did not know of, as a read would.
func currentBody(ctx context.Context, current any) any {
	switch v := current.(type) {
	case *liveblog.Post:
		return newPostBody(ctx, v)
	case *liveblog.Blog:
		return newBlogBody(v)
	default:
		return nil
	}
}

// authorize asks the policy and puts the blog of the path, if slug is one, into the context. A
// blog the principal may not know of is not found, whatever the action.
func (s *Server) authorize(ctx context.Context, action auth.Action, slug string, cached bool) (context.Context, error) {
	if err := badCookie(ctx); err != nil && action != auth.ReadPublic {
		return ctx, err
	}
	p := liveblog.PrincipalOf(ctx)
	if slug == "" {
		return ctx, auth.Allow(p, action, nil, liveblog.RoleNone)
	}
	blog, member, err := s.visibleBlog(ctx, slug, cached)
	if err != nil {
		return ctx, err
	}
	if err := auth.Allow(p, action, &blog.ID, member); err != nil {
		return ctx, err
	}
	return withBlog(ctx, blog, member), nil
}

// visibleBlog finds a blog and the principal's role on it; a draft is not
// found for those who may not read drafts.
func (s *Server) visibleBlog(ctx context.Context, slug string, cached bool) (*liveblog.Blog, liveblog.Role, error) {
	blog, err := s.findBlog(ctx, slug, cached)
	if err != nil {
		return nil, liveblog.RoleNone, err
	}
	p := liveblog.PrincipalOf(ctx)
	if err := badCookie(ctx); (errors.Is(err, liveblog.ErrUnavailable) || errors.Is(err, liveblog.ErrTooMany)) && !blog.Public() {
		return nil, liveblog.RoleNone, err // an editor, perhaps: "not found" would end a stream for good
	}
	if p.Anonymous() || p.User == nil {
		return visible(p, blog, liveblog.RoleNone)
	}
	member, err := s.blogs.MemberRole(ctx, blog.ID, p.User.ID)
	if err != nil {
		return nil, member, err
	}
	return visible(p, blog, member)
}

func (s *Server) findBlog(ctx context.Context, slug string, cached bool) (*liveblog.Blog, error) {
	if cached {
		return s.recentBlog(ctx, slug)
	}
	return s.readBlog(ctx, slug)
}

// readBlog asks the database, unless no blog can have the name.
func (s *Server) readBlog(ctx context.Context, slug string) (*liveblog.Blog, error) {
	if !liveblog.ValidSlug(slug) {
		return nil, liveblog.Errorf(liveblog.ErrNotFound, "blog_not_found", "there is no such blog")
	}
	return s.blogs.Blog(ctx, slug)
}

func visible(p *liveblog.Principal, blog *liveblog.Blog, member liveblog.Role) (*liveblog.Blog, liveblog.Role, error) {
	if !blog.Public() && auth.Allow(p, auth.ReadUnpublished, &blog.ID, member) != nil {
		return nil, member, liveblog.Errorf(liveblog.ErrNotFound, "blog_not_found", "there is no blog %q", blog.Slug)
	}
	return blog, member, nil
}

// may asks the policy about a further action on the blog of the request.
func may(ctx context.Context, action auth.Action) bool {
	return allow(ctx, action) == nil
}

func allow(ctx context.Context, action auth.Action) error {
	scope := blogOf(ctx)
	return auth.Allow(liveblog.PrincipalOf(ctx), action, &scope.blog.ID, scope.member)
}

type blogScope struct {
	blog   *liveblog.Blog
	member liveblog.Role
}

type blogKey struct{}

func withBlog(ctx context.Context, b *liveblog.Blog, member liveblog.Role) context.Context {
	return context.WithValue(ctx, blogKey{}, blogScope{b, member})
}

// blogOf is the blog that authorize found for this request.
func blogOf(ctx context.Context) blogScope { return ctx.Value(blogKey{}).(blogScope) }
