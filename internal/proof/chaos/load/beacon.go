package load

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"dateline/internal/apiclient"
	"dateline/internal/proof/chaos/history"
	"dateline/internal/wait"
)

// browser is a user agent that no robot has.
const browser = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"

// probeTimeout bounds requests that are asked once.
const probeTimeout = 5 * time.Second

// BeaconConfig says how pages report what was viewed.
type BeaconConfig struct {
	Name   string
	Seed   uint64
	Target Target
	Via    []int // nodes that are told, Front for the balancer; none means all
	Blog   string
	Rate   float64 // beacons a second; 5 when 0
	Log    *history.Log
}

// mostViewed is how many posts one page reports.
const mostViewed = 10

// beacons are the pages of one blog, which report to nodes at random.
type beacons struct {
	BeaconConfig
	*api
	posts []string // newest first
	look  time.Time
}

// Beacons reports views until ctx ends, each report as a page of its own that is
// not opened again, and logs every report. It views the newest posts.
func Beacons(ctx context.Context, c BeaconConfig) error {
	if c.Blog == "" || c.Log == nil {
		return errors.New("beacons need a blog and a log")
	}
	rnd := random(c.Seed, c.Name)
	b := &beacons{BeaconConfig: c, api: newAPI(newRoute(c.Target, c.Via, rnd), "", probeTimeout, nil)}
	defer b.close()
	interval := time.Duration(float64(time.Second) / cmp.Or(c.Rate, 5))
	for wait.For(ctx, interval/2+upTo(rnd, interval)) {
		b.route.wander()
		if b.refresh(ctx); len(b.posts) > 0 {
			b.report(ctx)
		}
	}
	return nil
}

// refreshTime is how long a list of posts is new.
const refreshTime = 3 * time.Second

// refresh reads which posts there are. Without an answer the old ones will do.
func (b *beacons) refresh(ctx context.Context) {
	if time.Since(b.look) < refreshTime {
		return
	}
	a := b.ask(ctx, request{method: http.MethodGet, path: "/api/v1/blogs/" + b.Blog + "/posts?limit=50"})
	if a.status != http.StatusOK {
		return
	}
	b.look, b.posts = time.Now(), nil
	for key, raw := range fields(a.body) {
		if string(key) == "items" {
			b.posts = ids(raw)
		}
	}
}

// ids are those of a list of posts.
func ids(items []byte) (out []string) {
	for item := range elements(items) {
		for key, raw := range fields(item) {
			if string(key) == "id" {
				out = append(out, text(raw))
				break
			}
		}
	}
	return out
}

// report tells of some views. Without a token, which a page gets where it follows
// the blog, they would not count.
func (b *beacons) report(ctx context.Context) {
	rnd := b.route.rnd
	token := b.pageToken(ctx)
	if token == "" {
		return
	}
	first := rnd.IntN(len(b.posts))
	viewed := b.posts[first:min(len(b.posts), first+1+rnd.IntN(mostViewed))]
	body := apiclient.JSON(map[string]any{"token": token, "posts": viewed})
	a := b.ask(ctx, request{method: http.MethodPost, path: "/api/v1/blogs/" + b.Blog + "/views", agent: browser, body: body, kind: "text/plain;charset=UTF-8"})
	b.Log.Add(history.Beacon{At: time.Now().UnixNano(), Node: b.route.at, Blog: b.Blog, Posts: viewed, Status: a.status})
}

// pageToken asks for what a new page reports with; "" when there is no answer.
func (b *beacons) pageToken(ctx context.Context) string {
	a := b.ask(ctx, request{method: http.MethodGet, path: "/api/v1/blogs/" + b.Blog + "/events?wait=0&token=1"})
	if a.status != http.StatusOK {
		return ""
	}
	for key, raw := range fields(a.body) {
		if string(key) == "token" {
			return text(raw)
		}
	}
	return ""
}
