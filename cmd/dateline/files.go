package main

import (
	"fmt"
	"syscall"
)

const (
	// minReserve is how many files are reserved for the database's connections, at
	// least; where the limit is high, a twentieth of it is.
	minReserve = 64
	// streamShare is the part of the connections that streams may take; the others
	// are for editors, programs and pages.
	streamShare = 0.8
)

// fileBudget is how the files that this process may have open are divided.
type fileBudget struct {
	connections int // of clients, in all
	streams     int // and long polls, among them
}

// divideFiles gives streams their share, or as many as the operator wishes.
func divideFiles(files, wished int) (fileBudget, error) {
	s := fileBudget{connections: files - max(files/20, minReserve)}
	s.streams = int(float64(s.connections) * streamShare)
	if s.streams < 1 {
		return s, fmt.Errorf("this process may have only %d files open: allow 1024 or more (ulimit -n, LimitNOFILE)", files)
	}
	if wished >= s.connections {
		return s, fmt.Errorf("--streams %d needs more than the %d files that this process may have open: raise the limit (ulimit -n, LimitNOFILE)", wished, files)
	}
	if wished > 0 {
		s.streams = wished
	}
	return s, nil
}

// openFiles is how many files this process may have open.
func openFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1024 // the least that systems allow
	}
	return int(min(limit.Cur, 1<<20))
}
