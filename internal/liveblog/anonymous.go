package liveblog

import "context"

type anonymousKey struct{}

// WithAnonymous returns a context that records whether its work is for a request without a
// verified identity, most often a reader's. Database reads of such requests use
// connections of their own, so that a burst of them does not take those of publishers.
func WithAnonymous(ctx context.Context, anonymous bool) context.Context {
	return context.WithValue(ctx, anonymousKey{}, anonymous)
}

// Anonymous returns what WithAnonymous recorded last; false if it recorded nothing, as for
// work of the program itself.
func Anonymous(ctx context.Context) bool {
	anonymous, _ := ctx.Value(anonymousKey{}).(bool)
	return anonymous
}
