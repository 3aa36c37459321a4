package middleware

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// The limiter remembers as many clients as it says and no more, forgets none that
// still counts, and fills its buckets.
func TestRateLimiter_FillsAndRemembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewRateLimiter(60) // ten at once
		for i := range 11 {
			if ok := l.Take("192.0.2.1"); ok != (i < 10) {
				t.Errorf("request %d: %t", i, ok)
			}
		}
		time.Sleep(burstSeconds*time.Second/2 + time.Millisecond)
		for i := range 6 {
			if ok := l.Take("192.0.2.1"); ok != (i < 5) {
				t.Errorf("request %d after half of the time: %t", i, ok)
			}
		}
		for i := range maxBuckets / 2 {
			l.Take(fmt.Sprintf("10.1.%d.%d", i>>8, i&255))
		}
		if l.Take("192.0.2.1") {
			t.Error("others made the limiter forget a client")
		}
		if !l.Take("2001:db8::1") || !l.Take("") {
			t.Error("an IPv6 address, or none, was refused")
		}
	})
}

func TestRateLimiter_IsBounded(t *testing.T) {
	l := NewRateLimiter(600)
	for i := range 5 * maxBuckets {
		l.Take(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255))
	}
	if n := l.buckets.Len(); n > 2*maxBuckets {
		t.Errorf("%d buckets are kept", n)
	}
}

// BenchmarkRateLimiter_Full is what a request costs while more addresses ask than
// the limiter remembers, none of whose buckets is full.
func BenchmarkRateLimiter_Full(b *testing.B) {
	l := NewRateLimiter(60)
	addresses := make([]string, 4*maxBuckets)
	for i := range addresses {
		addresses[i] = fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)
		l.Take(addresses[i])
	}
	i := 0
	for b.Loop() {
		l.Take(addresses[i%len(addresses)])
		i++
	}
}
