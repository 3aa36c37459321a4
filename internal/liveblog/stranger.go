package liveblog

import "context"

type strangerKey struct{}

// WithStranger notes whether the work that ctx is for is asked for by somebody
// who has not proven who they are: most often a reader. What is read for
// strangers has connections of its own, so that a crowd of them leaves those who
// publish theirs.
func WithStranger(ctx context.Context, stranger bool) context.Context {
	return context.WithValue(ctx, strangerKey{}, stranger)
}

// Stranger reports what WithStranger noted last; work of the program itself is
// no stranger's.
func Stranger(ctx context.Context) bool {
	stranger, _ := ctx.Value(strangerKey{}).(bool)
	return stranger
}
