package main

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const (
	gib       = 1 << 30
	littleGiB = 1
)

// checkDisk looks at the place of the data directory, made or not.
func checkDisk(dir string) finding {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fail("%v", err)
	}
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return fail("%s: %v", dir, err)
	}
	free := float64(fs.Bavail) * float64(fs.Bsize) / gib
	if free < littleGiB {
		return warn("%.1f GiB free in %s: make room, PostgreSQL stops when its disk is full", free, dir)
	}
	return ok("%.1f GiB free in %s", free, dir)
}
