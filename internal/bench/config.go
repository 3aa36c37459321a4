package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"time"
)

// Bounds of a run: a slip of the hand shall not cost a day or a machine.
const (
	MaxReaders  = 200_000
	MaxSiege    = 50_000 // slow and silent readers
	MaxDuration = time.Hour
	MaxMessages = 100_000 // of one scenario
	MaxPayload  = 32 << 10
)

// Config is what to measure, and where.
type Config struct {
	URLs        []string // of the nodes; posts go to the first
	AllowRemote bool
	Token       string // of the API, with the scopes read, posts:write and blogs:write
	Slug        string // of the blog to read when nothing is published; else one is made
	NoPublish   bool   // count what others publish, for Duration

	Readers  int
	Rate     float64       // posts a second, steady
	Duration time.Duration // of the steady part; 0 leaves it out
	Payload  int           // bytes of title and text of a post
	Burst    int           // posts as fast as the API takes them; 0 leaves it out
	Storm    bool          // all readers reconnect at once, Behind events behind
	Behind   int

	Slow     int // readers that read SlowRate bytes a second
	SlowRate int
	Silent   int // readers that never read

	Churn bool // last, all readers go: what is left of them?

	PIDs    []int         // of the servers' processes, for CPU and memory
	Metrics []string      // pages of the nodes' metrics, for SQL statements and goroutines
	Settle  time.Duration // how long servers may take to come to rest before they are measured
	Floor   bool

	Command  []string  // starts this program for one of its roles, which is appended
	Progress io.Writer // gets a line for each step
}

// Roles of the program when Run starts it again.
const (
	RoleWorker = "bench-worker"
	RoleFloor  = "bench-floor"
)

// Validate says what can't be measured, and why.
func (c *Config) Validate() error {
	for _, bound := range []struct {
		name       string
		n, low, up float64
	}{
		{"--readers", float64(c.Readers), 1, MaxReaders},
		{"--rate", c.Rate, 0.01, 10_000},
		{"--duration in seconds", c.Duration.Seconds(), 0, MaxDuration.Seconds()},
		{"--rate times --duration", c.Rate * c.Duration.Seconds(), 0, MaxMessages},
		{"--payload", float64(c.Payload), 32, MaxPayload},
		{"--burst", float64(c.Burst), 0, MaxMessages},
		{"--behind", float64(c.Behind), 0, MaxMessages},
		{"slow and silent readers", float64(c.Slow + c.Silent), 0, MaxSiege},
		{"--settle in seconds", c.Settle.Seconds(), 0, 600},
	} {
		if bound.n < bound.low || bound.n > bound.up {
			return fmt.Errorf("%s is %v: choose %v to %v", bound.name, bound.n, bound.low, bound.up)
		}
	}
	if c.NoPublish && (c.Slug == "" || c.Floor) {
		return errors.New("--no-publish needs --blog, and has no floor to compare with")
	}
	if !c.NoPublish && c.Token == "" {
		return errors.New("publishing needs an API token: make one with `dateline token create bench --scope read,posts:write,blogs:write`, and set DATELINE_TOKEN")
	}
	return nil
}

// target is a node's address, and its name for requests.
type target struct{ address, host string }

// targets looks the nodes up. Measuring is like attacking, so other machines
// must be asked for.
func (c *Config) targets(ctx context.Context) (all []target, loopback bool, err error) {
	loopback = true
	for _, text := range c.URLs {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" || u.Host == "" || (u.Path != "" && u.Path != "/") {
			return nil, false, fmt.Errorf("--url %q: write it like http://127.0.0.1:8080; nodes are measured without TLS", text)
		}
		address, err := lookUp(ctx, u)
		if err != nil {
			return nil, false, fmt.Errorf("--url %s: %w", text, err)
		}
		if !address.Addr().IsLoopback() && !c.AllowRemote {
			return nil, false, fmt.Errorf("--url %s is not on this machine: a load test can bring a server down; add --allow-remote if it is yours", text)
		}
		loopback = loopback && address.Addr().IsLoopback() && address.Addr().Is4()
		all = append(all, target{address.String(), u.Host})
	}
	if len(all) == 0 {
		return nil, false, errors.New("nothing to measure: give --url, or --self")
	}
	return all, loopback, nil
}

func lookUp(ctx context.Context, u *url.URL) (netip.AddrPort, error) {
	port := u.Port()
	if port == "" {
		port = "80"
	}
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.ParseAddrPort(net.JoinHostPort(addresses[0].Unmap().String(), port))
}
