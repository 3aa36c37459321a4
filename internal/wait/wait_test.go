package wait_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"dateline/internal/wait"
)

func TestFor_EndsWithTheTimeOrTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begin := time.Now()
		if !wait.For(ctx, 10*time.Second) || time.Since(begin) != 10*time.Second {
			t.Errorf("10 s took %v", time.Since(begin))
		}
		if wait.For(ctx, time.Hour) || time.Since(begin) != time.Minute {
			t.Errorf("the context's minute took %v", time.Since(begin))
		}
	})
}
