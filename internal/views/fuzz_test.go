package views

import (
	"net/netip"
	"testing"

	"github.com/google/uuid"
)

// A page's report of a post counts once, in whatever beacons it comes and
// however often, and nobody's report counts for another's.
func FuzzBeacons(f *testing.F) {
	f.Add([]byte{0, 0, 1, 0, 1, 1, 255, 255})
	f.Add([]byte("the same page, the same post, the same page"))
	blog := uuid.NewSHA1(uuid.Nil, []byte("blog"))
	f.Fuzz(func(t *testing.T, told []byte) {
		if len(told) > 500 {
			return
		}
		b := New(nil, nil, uuid.Nil)
		want, seen := map[uuid.UUID]int64{}, map[[2]byte]bool{}
		for i := 0; i+1 < len(told); i += 2 {
			pair := [2]byte{told[i] % 16, told[i+1] % 16}
			post := uuid.NewSHA1(blog, pair[1:])
			b.Add(Beacon{BlogID: blog, Token: string('a' + rune(pair[0])), Address: netip.MustParsePrefix("192.0.2.1/32"), Posts: []uuid.UUID{post, post}})
			if !seen[pair] {
				seen[pair] = true
				want[post]++
			}
		}
		for post, n := range want {
			if got := b.pending[blog][post]; got != n || len(b.pending[blog]) != len(want) {
				t.Errorf("%v: a post was seen %d times, counted are %d", told, n, got)
			}
		}
	})
}
