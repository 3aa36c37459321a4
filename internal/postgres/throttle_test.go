package postgres_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/proof/pgtest"
)

func TestAttempts_WaitLongerEachTime(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	p := liveblog.AttemptLimit{Free: 2, Longest: 7 * time.Second}
	count := func(key string) time.Duration {
		t.Helper()
		wait, err := db.CountAttempt(t.Context(), key, p)
		if err != nil {
			t.Fatal(err)
		}
		return wait.Round(time.Second)
	}
	if count("a")+count("a")+count("b") != 0 {
		t.Error("a free attempt has to wait")
	}
	for _, want := range []time.Duration{2 * time.Second, 4 * time.Second, 7 * time.Second, 7 * time.Second} {
		if wait := count("a"); wait != want {
			t.Errorf("wait %v, want %v", wait, want)
		}
		if wait := count("a"); wait != want {
			t.Errorf("an attempt that came too early made the wait %v, want %v", wait, want)
		}
		mustExec(t, db, `UPDATE login_failures SET tried_at = tried_at - $1::interval`, want)
		if wait := count("a"); wait != 0 {
			t.Errorf("after %v another %v", want, wait)
		}
	}
	mustExec(t, db, `UPDATE login_failures SET tried_at = now() - interval '61 minutes'`)
	if count("a")+count("a") != 0 || count("a") == 0 {
		t.Error("after an hour it does not begin anew")
	}
	mustExec(t, db, `UPDATE login_failures SET tried_at = now() - interval '2 days' WHERE key = 'a'`)
	if err := db.ForgetAttempts(t.Context()); err != nil || count("a") != 0 || count("a") != 0 {
		t.Errorf("forgot too little: %v", err)
	}
	if err := db.RefundAttempt(t.Context(), "a"); err != nil || count("a") != 0 || count("a") == 0 {
		t.Errorf("a refund is not one: %v", err)
	}
}

// Of many at once no more pass than are free.
func TestAttempts_Concurrent(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	waits := make([]time.Duration, 20)
	errs := together(20, func(i int) (err error) {
		waits[i], err = db.CountAttempt(context.Background(), "a", liveblog.AttemptLimit{Free: 5, Longest: time.Minute})
		return err
	})
	slices.Sort(waits)
	if err := errors.Join(errs...); err != nil || waits[4] != 0 || waits[5] == 0 {
		t.Errorf("waits are %v, %v", waits, err)
	}
}
