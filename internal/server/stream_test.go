package server

import (
	"testing"
	"time"

	"dateline/internal/liveblog"
)

// A long poll of a draft ends as soon as a stream of it would notice that its
// reader may see it no longer.
func TestPatience(t *testing.T) {
	t.Parallel()
	for status, want := range map[liveblog.BlogStatus]time.Duration{
		liveblog.BlogDraft: recheck, liveblog.BlogLive: 20 * time.Second, liveblog.BlogEnded: 20 * time.Second,
	} {
		if got := patience(&liveblog.Blog{Status: status}, 20*time.Second); got != want {
			t.Errorf("%s: %v, want %v", status, got, want)
		}
	}
}
