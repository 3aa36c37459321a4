package server

import (
	"context"

	"dateline/internal/liveblog"
)

type (
	requestKey   struct{}
	principalKey struct{}
	browserKey   struct{}
	badCookieKey struct{}
)

// requestInfo is what the middleware knows of a request.
type requestInfo struct {
	ID      string
	Address string // of the client, as far as trusted proxies tell
}

func withRequest(ctx context.Context, r requestInfo) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

func requestOf(ctx context.Context) requestInfo {
	r, _ := ctx.Value(requestKey{}).(requestInfo)
	return r
}

// RequestID is the id of the request that ctx belongs to, "" outside of one.
func RequestID(ctx context.Context) string { return requestID(ctx) }

// actor is who makes the change that this request asks for.
func actor(ctx context.Context) liveblog.Actor {
	r := requestOf(ctx)
	return liveblog.Actor{Principal: principal(ctx), RequestID: r.ID, Address: r.Address}
}

func requestID(ctx context.Context) string { return requestOf(ctx).ID }

func withPrincipal(ctx context.Context, p *liveblog.Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// principal is who makes the request; never nil.
func principal(ctx context.Context) *liveblog.Principal {
	if p, ok := ctx.Value(principalKey{}).(*liveblog.Principal); ok {
		return p
	}
	return &liveblog.Principal{}
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
