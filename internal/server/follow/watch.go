package follow

import (
	"context"
	"errors"
	"net/http"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/server/access"
	"dateline/internal/server/problem"
)

const (
	// recheck is how often the stream of a draft checks that its client may still see the blog.
	recheck = 3 * time.Second
	// askAgain is when the check is repeated after the database did not answer.
	askAgain = 250 * time.Millisecond
	// unsure is how long a stream goes on without an answer.
	unsure = 4500 * time.Millisecond
)

// watch checks whether clients may still see a draft.
type watch struct {
	who   *access.Authenticator
	blogs *access.Blogs
}

// whileAllowed returns a context that ends when the client of r may no longer see the blog. stop
// ends the goroutine that checks it.
func (w watch) whileAllowed(r *http.Request, slug string) (allowed context.Context, stop func()) {
	allowed, cancel := context.WithCancel(r.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		giveUp := time.AfterFunc(unsure, cancel)
		defer giveUp.Stop()
		_, _ = problem.Guard("watch over a draft's reader", func() (struct{}, error) { // a panic ends the stream, not the node
			w.run(r.WithContext(allowed), slug, giveUp)
			return struct{}{}, nil
		})
		cancel()
	}()
	return allowed, func() { cancel(); <-done }
}

// run returns when the client of r may no longer see the blog, or its context ends. It resets
// giveUp with each answer that says that the client may.
func (w watch) run(r *http.Request, slug string, giveUp *time.Timer) {
	next := time.NewTimer(recheck)
	defer next.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-next.C:
		}
		switch err := w.mayStill(r, slug); {
		case err == nil:
			giveUp.Reset(unsure)
			next.Reset(recheck)
		case errors.Is(err, liveblog.ErrUnavailable):
			next.Reset(askAgain)
		default:
			return
		}
	}
}

// mayStill returns nil if the client of r may see the blog now.
func (w watch) mayStill(r *http.Request, slug string) error {
	ctx, err := w.who.AuthenticateRequest(r)
	if err == nil {
		_, err = w.blogs.Visible(ctx, slug, false)
	}
	return err
}
