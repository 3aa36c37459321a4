//go:build unix && !linux

package run

// limitFiles can't be had on this system.
func limitFiles(int, uint64) (lift func() error, err error) { return nil, errNotHere }
