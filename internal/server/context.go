package server

import (
	"context"

	"dateline/internal/liveblog"
)

type (
	browserKey   struct{}
	badCookieKey struct{}
)

// withPrincipal notes who makes the request of ctx.
func withPrincipal(ctx context.Context, p *liveblog.Principal) context.Context {
	a := liveblog.ActorOf(ctx)
	a.Principal = p
	return liveblog.WithActor(ctx, a)
}

func withBrowser(ctx context.Context, b browser) context.Context {
	return context.WithValue(ctx, browserKey{}, b)
}

// browserOf is what the request's cookies and headers say of its sender.
func browserOf(ctx context.Context) browser {
	b, _ := ctx.Value(browserKey{}).(browser)
	return b
}

func withBadCookie(ctx context.Context, err error) context.Context {
	return context.WithValue(ctx, badCookieKey{}, err)
}

// badCookie is why an access cookie was not taken. What anyone may read is
// answered all the same, so that no page fails for an old cookie.
func badCookie(ctx context.Context) error {
	err, _ := ctx.Value(badCookieKey{}).(error)
	return err
}
