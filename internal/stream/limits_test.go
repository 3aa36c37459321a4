package stream

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
)

var blogB = uuid.MustParse("00000000-0000-7000-8000-00000000000b")

func TestLimiter_Limits(t *testing.T) {
	t.Parallel()
	type reader struct {
		blog    uuid.UUID
		address string
	}
	for _, test := range []struct {
		name   string
		limits Limits
		open   []reader
		next   reader
		want   string
	}{
		{"no limits", Limits{}, []reader{{blogA, "192.0.2.1"}}, reader{blogA, "192.0.2.1"}, ""},
		{"node", Limits{Streams: 1}, []reader{{blogA, "192.0.2.1"}}, reader{blogB, "192.0.2.2"}, reasonNodeLimit},
		{"blog", Limits{PerBlog: 1}, []reader{{blogA, "192.0.2.1"}}, reader{blogA, "192.0.2.2"}, reasonBlogLimit},
		{"another blog", Limits{PerBlog: 1}, []reader{{blogA, "192.0.2.1"}}, reader{blogB, "192.0.2.2"}, ""},
		{"address", Limits{PerAddress: 1}, []reader{{blogA, "192.0.2.1"}}, reader{blogB, "192.0.2.1"}, reasonAddressLimit},
		{"another address", Limits{PerAddress: 1}, []reader{{blogA, "192.0.2.1"}}, reader{blogA, "192.0.2.2"}, ""},
		{"the same /64", Limits{PerAddress: 1}, []reader{{blogA, "2001:db8::1"}}, reader{blogA, "2001:db8::ffff:2"}, reasonAddressLimit},
		{"another /64", Limits{PerAddress: 1}, []reader{{blogA, "2001:db8::1"}}, reader{blogA, "2001:db8:0:1::1"}, ""},
		{"IPv4 in IPv6", Limits{PerAddress: 1}, []reader{{blogA, "192.0.2.1"}}, reader{blogA, "::ffff:192.0.2.1"}, reasonAddressLimit},
		{"a zone", Limits{PerAddress: 1}, []reader{{blogA, "fe80::1%eth0"}}, reader{blogA, "fe80::2%eth1"}, reasonAddressLimit},
		{"no address", Limits{PerAddress: 1}, []reader{{blogA, "@"}}, reader{blogA, ""}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLimiter(test.limits)
			for _, r := range test.open {
				if refusal := l.acquire(r.blog, Prefix(r.address)); refusal != "" {
					t.Fatalf("%v was refused: %s", r, refusal)
				}
			}
			next := Prefix(test.next.address)
			refusal := l.acquire(test.next.blog, next)
			if refusal != test.want {
				t.Errorf("%v: %q, want %q", test.next, refusal, test.want)
			}
			if refusal == "" {
				l.release(test.next.blog, next)
			}
			l.release(test.open[0].blog, Prefix(test.open[0].address))
			if refusal = l.acquire(test.next.blog, next); refusal != "" {
				t.Fatalf("a place that was given back is not given again: %s", refusal)
			}
			l.release(test.next.blog, next)
			if l.streams+len(l.blogs)+len(l.addresses) != 0 {
				t.Errorf("with nobody there, %d streams, %d blogs and %d addresses are kept", l.streams, len(l.blogs), len(l.addresses))
			}
		})
	}
}

// Rejected clients leave nothing behind, however many addresses they have.
func TestLimiter_ForgetsRejectedClients(t *testing.T) {
	t.Parallel()
	l := newLimiter(Limits{Streams: 1})
	if refusal := l.acquire(blogA, Prefix("192.0.2.1")); refusal != "" {
		t.Fatal(refusal)
	}
	for i := range 1000 {
		if refusal := l.acquire(uuid.New(), Prefix(fmt.Sprintf("2001:db8:0:%x::1", i))); refusal != reasonNodeLimit {
			t.Fatal(refusal)
		}
	}
	if len(l.addresses) != 1 || len(l.blogs) != 1 {
		t.Errorf("%d addresses and %d blogs are kept for one stream", len(l.addresses), len(l.blogs))
	}
}
