package access

import (
	"context"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/server/cache"
	"dateline/internal/server/middleware"
)

var errReadLimit = liveblog.Errorf(liveblog.ErrTooMany, "too_many_reads", "too much that is not at hand was asked for from this address; wait and go on")

// Reads limits what anonymous requests make the database do. What is in memory is free, so
// that a thousand readers may share an address.
type Reads struct {
	limiter *middleware.RateLimiter
	absent  *cache.Absent
}

// NewReads allows so many reads a minute to the anonymous requests of one address; 0 is no
// limit.
func NewReads(perMinute int) *Reads {
	return &Reads{limiter: middleware.NewRateLimiter(perMinute), absent: cache.NewAbsent()}
}

// Allow returns ErrTooMany when the database may not be read for the request of ctx. A read for
// an anonymous request counts against its address.
func (r *Reads) Allow(ctx context.Context) error {
	if !liveblog.Anonymous(ctx) || r.limiter.Take(liveblog.ActorOf(ctx).Address) {
		return nil
	}
	return errReadLimit
}

// Created makes what has the key found at once, even if it was absent a moment ago.
func (r *Reads) Created(key string) { r.absent.Created(key) }

// ReadOnce reads something that may not exist. An anonymous request gets an absence that is
// known from the last second, and otherwise pays for the read.
func ReadOnce[T any](ctx context.Context, r *Reads, key string, read func(context.Context) (T, error)) (value T, err error) {
	if !liveblog.Anonymous(ctx) {
		return read(ctx)
	}
	if err := r.absent.Find(key); err != nil {
		return value, err
	}
	asked := time.Now()
	if err = r.Allow(ctx); err == nil {
		value, err = read(ctx)
	}
	if err != nil {
		r.absent.Note(key, asked, err)
	}
	return value, err
}
