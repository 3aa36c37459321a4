package stream

import (
	"context"
	"net/netip"
	"sync"
)

// Limits bound how many streams a node serves.
type Limits struct {
	Streams    int // in all
	PerAddress int // per client address; IPv6 addresses count by their /64
}

// limiter counts open streams and long polls.
type limiter struct {
	limits    Limits
	mu        sync.Mutex
	streams   int
	addresses map[netip.Prefix]int
	empty     chan struct{} // closed when the last stream ends, if anybody waits
}

func newLimiter(l Limits) *limiter {
	return &limiter{limits: l, addresses: map[netip.Prefix]int{}}
}

// acquire counts a stream in, or refuses it. release counts it out.
func (l *limiter) acquire(address string) (release func(), ok bool) {
	prefix := Prefix(address)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.streams >= l.limits.Streams || l.addresses[prefix] >= l.limits.PerAddress {
		return nil, false
	}
	l.streams++
	l.addresses[prefix]++
	return func() { l.release(prefix) }, true
}

func (l *limiter) release(prefix netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.streams--
	if l.addresses[prefix]--; l.addresses[prefix] == 0 {
		delete(l.addresses, prefix)
	}
	if l.streams == 0 && l.empty != nil {
		close(l.empty)
		l.empty = nil
	}
}

func (l *limiter) open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.streams
}

// wait returns when no stream is open, or ctx ends.
func (l *limiter) wait(ctx context.Context) {
	l.mu.Lock()
	if l.streams == 0 {
		l.mu.Unlock()
		return
	}
	if l.empty == nil {
		l.empty = make(chan struct{})
	}
	empty := l.empty
	l.mu.Unlock()
	select {
	case <-empty:
	case <-ctx.Done():
	}
}

// Prefix is what streams are counted by: an IPv4 address, or the /64 that an
// IPv6 subscriber has to itself. What is no address counts together.
func Prefix(address string) netip.Prefix {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{}
	}
	a = a.Unmap().WithZone("")
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
