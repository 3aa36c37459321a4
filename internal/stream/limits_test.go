package stream

import (
	"testing"
)

func TestLimiter_CountsIPv6ByPrefix(t *testing.T) {
	l := newLimiter(Limits{Streams: 10, PerAddress: 1})
	release, ok := l.acquire("2001:db8::1")
	if !ok {
		t.Fatal("the first was refused")
	}
	if _, ok := l.acquire("2001:db8::2"); ok {
		t.Error("another address of the same /64 was let in")
	}
	if _, ok := l.acquire("2001:db8:0:1::1"); !ok {
		t.Error("another /64 was refused")
	}
	release()
	if _, ok := l.acquire("2001:db8::2"); !ok {
		t.Error("a released place was not given again")
	}
}
