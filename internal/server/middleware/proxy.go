package middleware

import (
	"net/netip"
	"strings"
	"sync"
)

const (
	// proxyClients is how many different clients a peer forwards before it counts as a proxy.
	proxyClients = 10
	// maxPeers is how many peers are watched.
	maxPeers = 100
)

// proxyDetector finds peers that forward requests without being trusted. Behind a proxy that
// the operator forgot to name, all readers count as one client: its limits are theirs
// together, and so are wrong passwords.
type proxyDetector struct {
	trusted []netip.Prefix
	mu      sync.Mutex
	clients map[netip.Addr]map[string]struct{} // by peer; nil after the peer was reported
}

func newProxyDetector(trusted []netip.Prefix) *proxyDetector {
	return &proxyDetector{trusted: trusted, clients: map[netip.Addr]map[string]struct{}{}}
}

// proxy reports, once for each peer, that it forwarded requests of many clients and is not
// trusted. A proxy appends the client's address as the last one.
func (d *proxyDetector) proxy(peer netip.Addr, forwarded string) bool {
	for _, p := range d.trusted {
		if p.Contains(peer) {
			return false
		}
	}
	client := strings.TrimSpace(forwarded[strings.LastIndexByte(forwarded, ',')+1:])
	if _, err := netip.ParseAddr(client); err != nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	seen, known := d.clients[peer]
	switch {
	case known && seen == nil || !known && len(d.clients) >= maxPeers:
		return false
	case !known:
		seen = map[string]struct{}{}
		d.clients[peer] = seen
	}
	seen[client] = struct{}{}
	if len(seen) < proxyClients {
		return false
	}
	d.clients[peer] = nil
	return true
}
