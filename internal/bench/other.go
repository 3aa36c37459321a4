//go:build !linux

package bench

import (
	"context"
	"errors"
	"io"
)

// errSystem is the answer of other systems than Linux.
var errSystem = errors.New("bench needs Linux: its readers live on epoll; run it there against this machine's address")

// Run measures nothing here.
func Run(context.Context, Config) (*Report, error) { return nil, errSystem }

// Worker plays no readers here.
func Worker(context.Context, io.Reader, io.Writer) error { return errSystem }
