//go:build !linux

package stream

import (
	"errors"
	"net/http"
	"net/netip"
)

// loop belongs to the fast path, which needs Linux.
type loop struct{}

// UseFastPath reports that there is no fast path here.
func (*Hub) UseFastPath(int) error { return errors.ErrUnsupported }

func (*Hub) startLoops() (stop func()) { return func() {} }

func (*Hub) handOff(http.ResponseWriter, *http.Request, *Subscriber, []byte, netip.Prefix) bool {
	return false
}

func (*Hub) wakeLoops() {}
