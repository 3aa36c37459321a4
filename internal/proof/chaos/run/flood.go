//go:build unix

package run

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"dateline/internal/proof/chaos/history"
	"dateline/internal/proof/chaos/load"
	"dateline/internal/proof/chaos/netfault"
	"dateline/internal/proof/chaos/testbed"
)

// flooders is how many anonymous clients flood the pages of a blog, from as many
// addresses.
const flooders = 48

// flooded lets anonymous clients ask for pages of one blog without end while its
// posts are corrected and removed, and looks at what its other pages show: a text
// that was taken back is shown by none, whatever the load.
func flooded(lasts time.Duration) act {
	return act{
		name:   "flooded",
		settle: briefly,
		bed:    func(c *testbed.Config) { c.Nodes, c.Nginx, c.Standby, c.Synchronous = 2, false, false, false },
		workload: func(c *workload) {
			*c = workload{Blogs: 1, Publishers: 4, Rate: 8, Streams: 20, Polls: 6, Stay: 5 * time.Second, Edits: 30, Deletes: 30, Tagged: true}
		},
		play: floodPages(lasts),
	}
}

func floodPages(lasts time.Duration) step {
	return func(ctx context.Context, r *run, s *stage) error {
		s.published(ctx, enough)
		r.say("%d clients flood the pages of %s for %v", flooders, s.slugs[0], lasts)
		fault := history.Fault{
			Kind: "F47", Name: "a flood of pages of one blog, its posts corrected and removed", Began: time.Now().UnixNano(),
			Allows: history.Allows{Busy: true, Down: true},
		}
		statuses, err := s.flood(ctx, lasts)
		fault.Ended, fault.Detail = time.Now().UnixNano(), fmt.Sprint(statuses)
		fault.Recovered = s.recovered(ctx, fault.Ended)
		s.record(fault)
		s.figure("answers to the flood, by status", "%v", statuses)
		return err
	}
}

// watched are the pages of a blog that are looked at, by what they are called.
var watched = map[string]string{"page": "", "page of a tag": "?tag=" + load.Tags[0], "page of key events": "?filter=key", "page from the oldest": "?order=oldest"}

// flood floods the last node, whose database is some way off, and looks at pages of both until the time is over.
func (s *stage) flood(ctx context.Context, lasts time.Duration) (statuses map[int]int, err error) {
	ctx, cancel := context.WithTimeout(ctx, lasts)
	defer cancel()
	far := netfault.Way{Latency: 25 * time.Millisecond}
	s.setLinks(s.last().Number, netfault.Conditions{Up: far, Down: far})
	defer s.setLinks(s.last().Number, netfault.Conditions{})
	var all errgroup.Group
	for what, query := range watched {
		look := load.PageConfig{
			Name: "flooded" + query, Seed: s.clients.seed, Target: s.clients.target, Via: []int{1, s.last().Number}, Blog: s.slugs[0],
			Query: query, What: what, Every: 300 * time.Millisecond, Log: s.clients.probes,
		}
		all.Go(func() error { return load.Pages(ctx, look) })
	}
	all.Go(func() (err error) {
		statuses, err = load.Flood(ctx, load.FloodConfig{
			Name: "flood", Seed: s.clients.seed, Target: s.clients.target, Via: []int{s.last().Number}, Blog: s.slugs[0],
			Clients: flooders, Address: hostileAddress,
		})
		return err
	})
	err = all.Wait()
	return statuses, err
}

func (s *stage) setLinks(number int, c netfault.Conditions) {
	for _, l := range s.links(number) {
		l.Set(c)
	}
}
