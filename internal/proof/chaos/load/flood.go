package load

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
)

// FloodConfig says how many anonymous clients ask for pages as fast as they are
// answered, each page another one.
type FloodConfig struct {
	Name    string
	Seed    uint64
	Target  Target
	Via     []int // nodes that are asked; none means all
	Blog    string
	Clients int
	// Address is what a proxy would say of a client; nil says nothing.
	Address func(client int) string
}

// Flood asks until ctx ends, and tells how many answers there were of each status.
func Flood(ctx context.Context, c FloodConfig) (map[int]int, error) {
	if c.Blog == "" || c.Clients < 1 {
		return nil, errors.New("a flood needs a blog and clients")
	}
	tally := new(Tally)
	var asked atomic.Int64
	var all sync.WaitGroup
	for i := range c.Clients {
		rnd := random(c.Seed, fmt.Sprintf("%s%d", c.Name, i))
		a := newAPI(newRoute(c.Target, c.Via, rnd), "", probeTimeout, tally)
		address := ""
		if c.Address != nil {
			address = c.Address(i)
		}
		all.Go(func() {
			defer a.close()
			for ctx.Err() == nil {
				a.route.wander()
				path := fmt.Sprintf("/b/%s?tag=flood-%d", c.Blog, asked.Add(1))
				a.ask(ctx, request{method: http.MethodGet, path: path, agent: browser, address: address})
			}
		})
	}
	all.Wait()
	return tally.Statuses(), nil
}
