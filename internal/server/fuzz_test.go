package server

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
)

// Only the proxies that the operator named are believed, and of what they say
// only the part that they saw themselves.
func FuzzClientAddress(f *testing.F) {
	f.Add("203.0.113.9:1234", "198.51.100.1", "")
	f.Add("10.0.0.1:80", "198.51.100.1, 10.9.9.9", "")
	f.Add("10.0.0.1:80", "198.51.100.1", "192.0.2.7, 10.0.0.2")
	f.Add("[fd00::1]:80", "::ffff:198.51.100.1", "x")
	f.Add("10.0.0.1:80", "198.51.100.1:443", "[2001:db8::1]")
	f.Add("10.0.0.1:80", "fe80::1%eth0", ",,")
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	setGlobals()
	engine, err := newEngine(proxies)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, remote, first, second string) {
		c := gin.CreateTestContextOnly(httptest.NewRecorder(), engine)
		c.Request = &http.Request{RemoteAddr: remote, Header: http.Header{"X-Forwarded-For": {first, second}}}
		peer, got := c.RemoteIP(), c.ClientIP()
		if addressOf(got) == addressOf(peer) || got == "" && strings.Contains(peer, "%") {
			return // who is no address, or one of a link, counts with all others of that kind
		}
		believed := strings.Split(first+","+second, ",")
		at := slices.IndexFunc(believed, func(x string) bool { return strings.TrimSpace(x) == got })
		if !trusted(proxies, peer) || at < 0 || !addressOf(got).IsValid() {
			t.Fatalf("from %q with %q and %q: %q", remote, first, second, got)
		}
		if trusted(proxies, got) && at != 0 {
			t.Errorf("from %q with %q and %q: %q, a proxy", remote, first, second, got)
		}
	})
}

func addressOf(text string) netip.Addr {
	a, _ := netip.ParseAddr(text)
	return a.Unmap()
}

func trusted(proxies []netip.Prefix, text string) bool {
	return slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return p.Contains(addressOf(text)) })
}
