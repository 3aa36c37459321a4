package stream

import (
	"context"
	"time"

	"golang.org/x/time/rate"
)

// maxArrivalWait is how long a reader waits to be let in. Longer is for the
// reader's own clock: a waiting request holds a connection.
const maxArrivalWait = 2 * time.Second

// arrivals lets new streams in at a steady rate. When thousands of readers come
// back in one second, those who publish and those who read already go first.
type arrivals struct{ bucket *rate.Limiter }

// newArrivals makes one for so many streams a second, a quarter of which may
// come at once; 0 is no limit.
func newArrivals(perSecond int) arrivals {
	if perSecond == 0 {
		return arrivals{rate.NewLimiter(rate.Inf, 0)}
	}
	return arrivals{rate.NewLimiter(rate.Limit(perSecond), max(1, perSecond/4))}
}

// admit returns true when it is the reader's turn, and false when that is too
// far off, the reader leaves or the node does.
func (a arrivals) admit(ctx context.Context, leaving <-chan struct{}) bool {
	turn := a.bucket.Reserve()
	wait := turn.Delay()
	if wait == 0 {
		return true
	}
	if wait > maxArrivalWait {
		turn.Cancel()
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-leaving:
	}
	turn.Cancel()
	return false
}
