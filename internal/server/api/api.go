// Package api serves version 1 of the JSON API: blogs, posts, images, members, users, tokens,
// sessions and the setup. There is one file and one small struct per noun.
package api

import (
	"context"
	"errors"
	"net/url"

	"dateline/internal/liveblog"
	"dateline/internal/server/problem"
)

// listBody is the shape of every list.
type listBody[T any] struct {
	Items      []T    `json:"items" nullable:"false"`
	NextCursor string `json:"next_cursor" doc:"Empty on the last page"`
}

// newList shows items by show.
func newList[T, B any](items []T, show func(*T) B) listBody[B] {
	out := listBody[B]{Items: make([]B, len(items))}
	for i := range items {
		out.Items[i] = show(&items[i])
	}
	return out
}

// nextLink is the Link header that points to the next page of the same list (RFC 8288).
func nextLink(path string, query url.Values) string {
	return "<" + path + "?" + query.Encode() + `>; rel="next"`
}

// replayedHeader is the value of Idempotent-Replayed.
func replayedHeader(replayed bool) string {
	if replayed {
		return "true"
	}
	return ""
}

// Complete adds to the problem of a failed change the current state, as a read would show it.
func Complete(ctx context.Context, p *problem.Problem, err error) {
	stale, ok := errors.AsType[*liveblog.StaleError](err)
	if !ok {
		return
	}
	switch v := stale.Current.(type) {
	case *liveblog.Post:
		p.Current = newPostBody(ctx, v)
	case *liveblog.Blog:
		p.Current = newBlogBody(v)
	}
}
