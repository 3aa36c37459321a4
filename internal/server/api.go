package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"

	"dateline/internal/auth"
	"dateline/internal/liveblog"

	"github.com/danielgtaylor/huma/v2"
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

// register adds an operation to the API. No handler runs before the policy
// said yes to action, for the blog of the path if there is one. Where nobody
// may who is not signed in, that is said before the body is read.
func register[I, O any](s *Server, op huma.Operation, action auth.Action, h func(context.Context, *I) (*O, error)) {
	mustFill(reflect.TypeFor[I]())
	s.access = append(s.access, access{op.Method, op.Path, action})
	if action != auth.ReadPublic {
		op.Security = []map[string][]string{{"session": {}}, {"token": {}}}
		op.Middlewares = append(op.Middlewares, refuseAnonymous)
	}
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		ctx, err := s.authorize(ctx, action, in)
		if err != nil {
			return nil, apiError(ctx, err)
		}
		out, err := h(ctx, in)
		if err != nil {
			return nil, apiError(ctx, err)
		}
		return out, nil
	})
}

// refuseAnonymous keeps huma from reading and explaining what a stranger sends.
// The action matters to those only who are signed in.
func refuseAnonymous(hc huma.Context, next func(huma.Context)) {
	ctx := hc.Context()
	p := principal(ctx)
	if !p.Anonymous() {
		next(hc)
		return
	}
	err := badCookie(ctx)
	if err == nil {
		err = auth.Allow(p, auth.OwnAccount, nil, liveblog.RoleNone)
	}
	refuse(hc, problemOf(ctx, err))
}

// refuse writes a problem from where no handler runs.
func refuse(hc huma.Context, p *problem) {
	if wait, helps := p.retryAfter(); helps {
		hc.SetHeader("Retry-After", wait)
	}
	hc.SetHeader("Cache-Control", "no-store")
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
	p := problemOf(ctx, err)
	if wait, helps := p.retryAfter(); helps {
		return huma.ErrorWithHeaders(p, http.Header{"Retry-After": {wait}})
	}
	return p
}

// authorize asks the policy and puts the blog of the path into the context. A
// blog the principal may not know of is not found, whatever the action.
func (s *Server) authorize(ctx context.Context, action auth.Action, in any) (context.Context, error) {
	if err := badCookie(ctx); err != nil && action != auth.ReadPublic {
		return ctx, err
	}
	p := principal(ctx)
	slugged, onBlog := in.(interface{ blogSlug() string })
	if !onBlog {
		return ctx, auth.Allow(p, action, nil, liveblog.RoleNone)
	}
	blog, member, err := s.visibleBlog(ctx, slugged.blogSlug())
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
func (s *Server) visibleBlog(ctx context.Context, slug string) (*liveblog.Blog, liveblog.Role, error) {
	p := principal(ctx)
	blog, err := s.blogs.Blog(ctx, slug)
	if err != nil {
		return nil, liveblog.RoleNone, err
	}
	member := liveblog.RoleNone
	if !p.Anonymous() && p.User != nil {
		if member, err = s.blogs.MemberRole(ctx, blog.ID, p.User.ID); err != nil {
			return nil, member, err
		}
	}
	if !blog.Public() && auth.Allow(p, auth.ReadUnpublished, &blog.ID, member) != nil {
		return nil, member, liveblog.Errorf(liveblog.ErrNotFound, "blog_not_found", "there is no blog %q", slug)
	}
	return blog, member, nil
}

// may asks the policy about a further action on the blog of the request.
func may(ctx context.Context, action auth.Action) bool {
	return allow(ctx, action) == nil
}

func allow(ctx context.Context, action auth.Action) error {
	scope := blogOf(ctx)
	return auth.Allow(principal(ctx), action, &scope.blog.ID, scope.member)
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
