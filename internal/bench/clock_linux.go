package bench

import (
	"time"

	"golang.org/x/sys/unix"
)

// started ties Go's clock, which is read without a system call, to the clock that
// all processes of a machine share.
var started, startedAt = func() (time.Time, int64) {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // it has no way to fail
	return time.Now(), ts.Nano()
}()

// now is CLOCK_MONOTONIC in ns.
func now() int64 { return startedAt + int64(time.Since(started)) }
