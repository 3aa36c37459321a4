package liveblog

import "net/netip"

// Network is what clients are counted and limited by: an IPv4 address, or the /64 that one
// IPv6 subscriber has. It is not valid for a text that is no address; what is counted by
// it counts together.
func Network(address string) netip.Prefix {
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
