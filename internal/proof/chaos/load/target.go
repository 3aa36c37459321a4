package load

import (
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// Front is the number of the balancer where a node is asked for.
const Front = 0

// Target is where clients connect.
type Target struct {
	Front string   // URL of the balancer
	Nodes []string // URLs of node 1 and up
}

// url is the base of a node's URLs, or of the balancer's.
func (t Target) url(node int) string {
	if node == Front {
		return strings.TrimSuffix(t.Front, "/")
	}
	return strings.TrimSuffix(t.Nodes[node-1], "/")
}

// everywhere is all that a target has: the balancer, if there is one, and the nodes.
func (t Target) everywhere() []int {
	var all []int
	if t.Front != "" {
		all = append(all, Front)
	}
	for i := range t.Nodes {
		all = append(all, i+1)
	}
	return all
}

// route is the place where a client is now, and those it may go to.
type route struct {
	target Target
	via    []int
	at     int
	rnd    *rand.Rand
}

// newRoute begins at the first place of via; none means everywhere. A target that
// has nothing refuses every request.
func newRoute(t Target, via []int, rnd *rand.Rand) *route {
	if len(via) == 0 {
		via = t.everywhere()
	}
	if len(via) == 0 {
		via = []int{Front}
	}
	return &route{target: t, via: via, at: via[0], rnd: rnd}
}

func (r *route) url() string { return r.target.url(r.at) }

// move goes to another place, if there is one.
func (r *route) move() {
	var others []int
	for _, n := range r.via {
		if n != r.at {
			others = append(others, n)
		}
	}
	if len(others) > 0 {
		r.at = others[r.rnd.IntN(len(others))]
	}
}

// wander goes anywhere.
func (r *route) wander() { r.at = r.via[r.rnd.IntN(len(r.via))] }

// random is the source of one client's choices.
func random(seed uint64, client string) *rand.Rand {
	h := fnv.New64a()
	_, _ = io.WriteString(h, client) // never fails
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// dialTimeout bounds the wait for a connection.
const dialTimeout = 3 * time.Second

// newClient makes a client with connections of its own; its owner closes the
// idle ones. Redirects are answers, not followed.
func newClient(change func(*http.Transport)) *http.Client {
	transport := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
		DisableCompression:  true,
		MaxIdleConnsPerHost: 4,
	}
	if change != nil {
		change(transport)
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// smallBuffers makes connections with a receive buffer of so many bytes, as the
// kernel rounds it.
func smallBuffers(bytes int) *net.Dialer {
	return &net.Dialer{Timeout: dialTimeout, Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) {
			failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, bytes)
		})
		if err != nil {
			return err
		}
		return failed
	}}
}

// upTo is a random time below d.
func upTo(rnd *rand.Rand, d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(rnd.Int64N(int64(d)))
}
