package stream

import (
	"net/netip"
	"testing"
)

// Readers are counted by what they can't change at will: all addresses of one
// /64 are one, and the forms of one address are one.
func FuzzPrefix(f *testing.F) {
	for _, address := range []string{"203.0.113.9", "::ffff:203.0.113.9", "2001:db8:1:2:3:4:5:6", "fe80::1%eth0", "::", "0.0.0.0", "x", "", "1.2.3.4.5", "010.0.0.1", "203.0.113.9:80", "[::1]"} {
		f.Add(address, []byte("12345678"))
	}
	f.Fuzz(func(t *testing.T, address string, low []byte) {
		p := Prefix(address)
		a, err := netip.ParseAddr(address)
		if (err == nil) != p.IsValid() {
			t.Fatalf("%q counts as %v", address, p)
		}
		if err != nil {
			return
		}
		if a = a.Unmap().WithZone(""); !p.Contains(a) || Prefix(p.Addr().String()) != p || p.Masked() != p {
			t.Errorf("%q counts as %v", address, p)
		}
		if a.Is4() && (p.Bits() != 32 || Prefix("::ffff:"+a.String()) != p) {
			t.Errorf("%q counts as %v", address, p)
		}
		neighbour := a.As16()
		copy(neighbour[8:], low)
		if a.Is6() && (p.Bits() != 64 || !a.Is4In6() && Prefix(netip.AddrFrom16(neighbour).StringExpanded()+"%zone") != p && !netip.AddrFrom16(neighbour).Is4In6()) {
			t.Errorf("%q counts as %v, its neighbour as another", address, p)
		}
	})
}

// FuzzResume holds the decision where a reader goes on against the promise: it
// is resumed where it asked to, if all that comes after is kept, or told why not.
func FuzzResume(f *testing.F) {
	for _, after := range []int64{-1, 0, 4, 5, 6, 10, 11, 1 << 60} {
		f.Add(after, true, false, "", int64(5), int64(10), int64(0))
		f.Add(after, true, false, "one", int64(5), int64(10), int64(12))
		f.Add(after, true, true, "other", int64(0), int64(0), int64(0))
	}
	f.Add(int64(3), false, false, "", int64(0), int64(5), int64(5))
	f.Fuzz(func(t *testing.T, after int64, has, invalid bool, epoch string, low, head, confirmed int64) {
		if low < 0 || head < low || after < 0 {
			return // the parser of positions and the database see to it
		}
		top := &topic{epoch: "one", lowSeq: low, confirmed: confirmed}
		top.ring.head = head
		reason := top.refuse(Position{After: after, HasAfter: has && !invalid, Invalid: invalid, Epoch: epoch})
		foreign := epoch != "" && epoch != "one"
		kept := !has || after >= low && after <= max(head, confirmed)
		if resumed := reason == ""; resumed != (!invalid && !foreign && kept) {
			t.Errorf("after %d (%v, %v, %q) of %d to %d, %d: %q", after, has, invalid, epoch, low, head, confirmed, reason)
		}
		if named := reason == reasonEpoch; named != (!invalid && foreign) {
			t.Errorf("after %d, epoch %q: %q", after, epoch, reason)
		}
	})
}
