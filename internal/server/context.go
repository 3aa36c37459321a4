package server

import (
	"context"

	"dateline/internal/liveblog"
)

type (
	requestKey   struct{}
	principalKey struct{}
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
