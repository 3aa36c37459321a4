package server

import (
	"log/slog"
	"net/netip"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"
)

// How many different clients a stranger has to forward before it is taken for a
// proxy, and how many strangers are watched.
const (
	proxyClients = 10
	maxStrangers = 100
)

// strangers watches who forwards requests without being trusted. Behind a proxy
// that the operator forgot to name, all readers count as one client: its limits
// are theirs together, and so are wrong passwords.
type strangers struct {
	trusted []netip.Prefix
	mu      sync.Mutex
	clients map[netip.Addr]map[string]struct{} // by peer; nil when it was named
}

func newStrangers(trusted []netip.Prefix) *strangers {
	return &strangers{trusted: trusted, clients: map[netip.Addr]map[string]struct{}{}}
}

// watch names an untrusted proxy in the log, once.
func (s *strangers) watch(c *gin.Context) {
	if forwarded := c.Request.Header.Get("X-Forwarded-For"); forwarded != "" {
		if peer, err := netip.ParseAddr(c.RemoteIP()); err == nil && s.proxy(peer.Unmap(), forwarded) {
			slog.WarnContext(c.Request.Context(), "a proxy that is not trusted forwards requests, so all its clients count as one for limits and "+
				"wrong passwords: if it is yours, name it in --trusted-proxies (DATELINE_TRUSTED_PROXIES)", "address", peer)
		}
	}
	c.Next()
}

// proxy reports, once for each peer, that it forwarded requests of many clients
// and is not trusted. What a proxy appends is the last address.
func (s *strangers) proxy(peer netip.Addr, forwarded string) bool {
	for _, p := range s.trusted {
		if p.Contains(peer) {
			return false
		}
	}
	client := strings.TrimSpace(forwarded[strings.LastIndexByte(forwarded, ',')+1:])
	if _, err := netip.ParseAddr(client); err != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	seen, known := s.clients[peer]
	switch {
	case known && seen == nil || !known && len(s.clients) >= maxStrangers:
		return false
	case !known:
		seen = map[string]struct{}{}
		s.clients[peer] = seen
	}
	seen[client] = struct{}{}
	if len(seen) < proxyClients {
		return false
	}
	s.clients[peer] = nil
	return true
}
