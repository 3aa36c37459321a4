package load

import (
	"cmp"
	"context"
	"errors"
	"html"
	"net/http"
	"regexp"
	"time"

	"dateline/internal/proof/chaos/history"
	"dateline/internal/wait"
)

// PageConfig says which page is looked at, and how often.
type PageConfig struct {
	Name   string
	Seed   uint64
	Target Target
	Via    []int // nodes that are asked in turn; none means all
	Blog   string
	Query  string        // of the address, with its question mark, or ""
	What   string        // the page is called; "page" when ""
	Every  time.Duration // between two looks at one node; 1 s when 0
	Log    *history.Log
}

// Pages looks at the page of a blog on each node until ctx ends, and logs every
// look. What it does not see within 5 s has the status 0.
func Pages(ctx context.Context, c PageConfig) error {
	if c.Blog == "" || c.Log == nil {
		return errors.New("looks at pages need a blog and a log")
	}
	a := newAPI(newRoute(c.Target, c.Via, random(c.Seed, c.Name)), "", probeTimeout, nil)
	defer a.close()
	interval := cmp.Or(c.Every, time.Second) / time.Duration(len(a.route.via))
	for n := 0; wait.For(ctx, interval/2+upTo(a.route.rnd, interval)); n++ {
		a.route.at = a.route.via[n%len(a.route.via)]
		looked := a.ask(ctx, request{method: http.MethodGet, path: "/b/" + c.Blog + c.Query, agent: browser})
		if ctx.Err() != nil {
			return nil
		}
		c.Log.Add(history.Probe{
			At: time.Now().UnixNano(), Node: a.route.at, What: cmp.Or(c.What, "page"), Status: looked.status, Took: int64(looked.took),
			Blog: c.Blog, Titles: titles(looked),
		})
	}
	return nil
}

var titleOfPost = regexp.MustCompile(`(?s)<h2 id="[^"]*-title-[^"]*" dir="auto">(.*?)</h2>`)

// titles are those of the posts that a page shows.
func titles(a answer) (all []string) {
	if a.status != http.StatusOK {
		return nil
	}
	for _, m := range titleOfPost.FindAllSubmatch(a.body, -1) {
		all = append(all, html.UnescapeString(string(m[1])))
	}
	return all
}
