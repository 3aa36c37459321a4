package api

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"dateline/internal/liveblog"

	"golang.org/x/sync/semaphore"
)

// Many long texts wait for their turns; short ones do not wait with it, and
// who is gone waits no more.
func TestConversions_LongTextsDoNotHoldShortOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &conversions{short: semaphore.NewWeighted(1), long: semaphore.NewWeighted(1)}
		const long, takes = 64 << 10, 50 * time.Millisecond
		running, most := 0, 0
		convert := func() error {
			running++
			most = max(most, running)
			<-time.After(takes)
			running--
			return nil
		}
		failed := make(chan error, 100)
		for range 100 {
			go func() { failed <- c.run(t.Context(), long, convert) }()
		}
		synctest.Wait()
		gone, leave := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			left <- c.run(gone, long, func() error { t.Error("converted for nobody"); return nil })
		}()
		synctest.Wait()
		leave()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("who left got %v", err)
		}
		began := time.Now()
		if err := c.run(t.Context(), shortText, func() error { return nil }); err != nil || time.Since(began) > 0 {
			t.Errorf("a short text: %v after %v", err, time.Since(began))
		}
		refused := 0
		for range 100 {
			if err := <-failed; err != nil {
				refused++
				p, ok := errors.AsType[*liveblog.Problem](err)
				if !ok || !errors.Is(err, liveblog.ErrUnavailable) || p.Code != "busy" || p.RetryAfter == 0 {
					t.Errorf("refused with %v", err)
				}
			}
		}
		if done := int(conversionWait / takes); most != 1 || 100-refused < done || 100-refused > done+1 {
			t.Errorf("%d at once, %d refused", most, refused)
		}
	})
}

// No text is converted for a request that has ended.
func TestConversions_EndWithTheirRequest(t *testing.T) {
	t.Parallel()
	s := NewTexts(nil, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.content(ctx, "markdown", "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("a post: %v", err)
	}
	if _, err := s.summary(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("a summary: %v", err)
	}
}
