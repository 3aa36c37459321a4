package middleware

import (
	"fmt"
	"net/netip"
	"testing"
)

// A proxy that nobody named is named once; a client that makes up one address,
// and a trusted proxy, never.
func TestProxyDetector_ReportsEachProxyOnce(t *testing.T) {
	s := newProxyDetector([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")})
	proxy, trusted, liar := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("192.0.2.2")
	told := 0
	for i := range 100 {
		client := fmt.Sprintf("203.0.113.%d", i)
		if s.proxy(proxy, "198.51.100.1, "+client) {
			told++
		}
		if s.proxy(trusted, client) || s.proxy(liar, "198.51.100.1") || s.proxy(liar, fmt.Sprint("nonsense ", i)) {
			t.Fatalf("request %d: the wrong one is named", i)
		}
	}
	if told != 1 {
		t.Errorf("the proxy was named %d times", told)
	}
	for i := range 1000 {
		s.proxy(netip.MustParseAddr(fmt.Sprintf("198.18.%d.%d", i/250, i%250)), "203.0.113.1")
	}
	if len(s.clients) > maxPeers {
		t.Errorf("%d unknown peers are watched", len(s.clients))
	}
}
