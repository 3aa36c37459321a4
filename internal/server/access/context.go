package access

import (
	"context"

	"dateline/internal/auth"
	"dateline/internal/liveblog"
)

type (
	browserKey   struct{}
	badCookieKey struct{}
	blogKey      struct{}
)

// withPrincipal notes whose request ctx belongs to. The principal is proven, and so no longer
// anonymous.
func withPrincipal(ctx context.Context, p *liveblog.Principal) context.Context {
	a := liveblog.ActorOf(ctx)
	a.Principal = p
	return liveblog.WithAnonymous(liveblog.WithActor(ctx, a), false)
}

func withBrowser(ctx context.Context, b Browser) context.Context {
	return context.WithValue(ctx, browserKey{}, b)
}

// BrowserOf returns what the cookies and headers of the request say of its sender.
func BrowserOf(ctx context.Context) Browser {
	b, _ := ctx.Value(browserKey{}).(Browser)
	return b
}

func withBadCookie(ctx context.Context, err error) context.Context {
	return context.WithValue(ctx, badCookieKey{}, err)
}

// badCookie is why an access cookie was not accepted. What anyone may read is answered all the
// same, so that no page fails for an old cookie.
func badCookie(ctx context.Context) error {
	err, _ := ctx.Value(badCookieKey{}).(error)
	return err
}

// Scope is the blog that a request is about, and the role of its principal on that blog.
type Scope struct {
	Blog   *liveblog.Blog
	Member liveblog.Role
}

func withBlog(ctx context.Context, s Scope) context.Context {
	return context.WithValue(ctx, blogKey{}, s)
}

// BlogOf returns the blog that the wall found for this request. It panics on routes that are
// not mounted with OnBlog, OnRecentBlog or OnQueryBlog.
func BlogOf(ctx context.Context) Scope { return ctx.Value(blogKey{}).(Scope) }

// Allow asks the policy about a further action on the blog of the request.
func Allow(ctx context.Context, action auth.Action) error {
	scope := BlogOf(ctx)
	return auth.Allow(liveblog.PrincipalOf(ctx), action, &scope.Blog.ID, scope.Member)
}

// May reports whether Allow returns nil.
func May(ctx context.Context, action auth.Action) bool { return Allow(ctx, action) == nil }
