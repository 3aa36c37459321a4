package run

import "golang.org/x/sys/unix"

// limitFiles changes how many files a running process may have open. lift gives
// it back what it had.
func limitFiles(pid int, most uint64) (lift func() error, err error) {
	var was unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &was); err != nil {
		return nil, err
	}
	few := unix.Rlimit{Cur: most, Max: was.Max}
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &few, nil); err != nil {
		return nil, err
	}
	return func() error { return unix.Prlimit(pid, unix.RLIMIT_NOFILE, &was, nil) }, nil
}
