package postgres_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"dateline/internal/pgtest"
)

func TestAttempts_WindowAndRefund(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	count := func(key string) int {
		t.Helper()
		n, left, err := db.CountAttempt(t.Context(), key, time.Minute)
		if err != nil || left <= 0 || left > time.Minute {
			t.Fatalf("left %v, %v", left, err)
		}
		return n
	}
	if a, b, other := count("a"), count("a"), count("b"); a != 1 || b != 2 || other != 1 {
		t.Errorf("counted %d, %d, %d", a, b, other)
	}
	if err := db.RefundAttempt(t.Context(), "a"); err != nil || count("a") != 2 {
		t.Errorf("a refund has no effect: %v", err)
	}
	mustExec(t, db, `UPDATE login_failures SET window_start = now() - interval '61 seconds'`)
	if n := count("a"); n != 1 {
		t.Errorf("a new window starts with %d", n)
	}
	mustExec(t, db, `UPDATE login_failures SET window_start = now() - interval '2 days' WHERE key = 'b'`)
	if err := db.ForgetAttempts(t.Context()); err != nil || count("a") != 2 || count("b") != 1 {
		t.Errorf("forgot too much or too little: %v", err)
	}
}

func TestAttempts_Concurrent(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	seen := make([]int, 20)
	errs := together(20, func(i int) (err error) {
		seen[i], _, err = db.CountAttempt(context.Background(), "a", time.Minute)
		return err
	})
	slices.Sort(seen)
	if err := errors.Join(errs...); err != nil || seen[0] != 1 || seen[19] != 20 || len(slices.Compact(seen)) != 20 {
		t.Errorf("counted %v, %v", seen, err)
	}
}
