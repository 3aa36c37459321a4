package cache

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"dateline/internal/liveblog"
)

// An absence is kept for a second, unless something was created after its read began.
func TestAbsent_IsForgottenOnCreation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAbsent()
		time.Sleep(time.Nanosecond)
		asked := time.Now()
		a.Note("y", asked, liveblog.ErrNotFound)
		if a.Find("y") == nil {
			t.Error("an absence is not kept")
		}
		time.Sleep(time.Nanosecond)
		a.Created("x")
		a.Note("x", asked, liveblog.ErrNotFound)
		if a.Find("x") != nil {
			t.Error("an answer from before it was made is kept")
		}
		time.Sleep(absentLife)
		if a.Find("y") != nil {
			t.Error("an absence is kept for longer than a second")
		}
		for i := range 5 * maxAbsent {
			a.Note(fmt.Sprint(i), time.Now().Add(time.Second), liveblog.ErrNotFound)
		}
		if n := a.errs.Len(); n > 2*maxAbsent {
			t.Errorf("%d names are kept", n)
		}
	})
}
