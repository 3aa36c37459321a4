package liveblog

import "context"

type anonymousKey struct{}

// WithAnonymous notes whether the work of ctx is for a request without a proven
// identity, most often a reader's. Database reads of such requests have connections
// of their own, so that many of them at once leave publishers theirs.
func WithAnonymous(ctx context.Context, anonymous bool) context.Context {
	return context.WithValue(ctx, anonymousKey{}, anonymous)
}

// Anonymous reports what WithAnonymous noted last; it is false for work of the
// program itself.
func Anonymous(ctx context.Context) bool {
	anonymous, _ := ctx.Value(anonymousKey{}).(bool)
	return anonymous
}
