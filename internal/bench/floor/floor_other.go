//go:build !linux

package floor

import (
	"context"
	"errors"
	"io"
)

// Run serves nobody on other systems than Linux.
func Run(context.Context, io.Reader, io.Writer) error { return errors.New("the floor needs Linux") }
