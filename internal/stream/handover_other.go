//go:build !linux

package stream

import (
	"errors"
	"net/http"
	"net/netip"
)

// loop is of the fast path, which needs Linux.
type loop struct{}

// UseFastPath reports that there is none here.
func (*Hub) UseFastPath(int) error { return errors.ErrUnsupported }

func (*Hub) startLoops() (stop func()) { return func() {} }

func (*Hub) adopt(http.ResponseWriter, *http.Request, *Subscriber, []byte, netip.Prefix) bool {
	return false
}

func (*Hub) wakeLoops() {}
