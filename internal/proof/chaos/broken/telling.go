package broken

const (
	render  = "internal/server/pages/event.go"
	batcher = "internal/views/batcher.go"
	counts  = "internal/stream/views.go"
)

// telling are mistakes in what readers are told of posts and of views.
var telling = []Mutation{
	{
		Name: "stale-replay", What: "the ring keeps texts that were corrected or removed since",
		Exposes: []string{"G11"}, Needs: []string{Late},
		Edits: []Edit{{fetch, `newest := newestContents(frames)`, `newest := newestContents(renewable(frames))`}},
	},
	{
		Name: "removed-body", What: "a replay tells the text of a removed post",
		Exposes: []string{"G11"}, Needs: []string{Restart, Late}, // a ring that saw the removal hides the mistake
		Edits: []Edit{{render, `case ev.Post.Status != liveblog.PostPublished:`,
			`case ev.Post.Status != liveblog.PostPublished && (ev.Type == liveblog.EventDelete || !broken("removed-body")):`}},
	},
	{
		Name: "mixed-texts", What: "some posts are told with another post's text",
		Exposes: []string{"G3"}, Needs: []string{Nodes},
		Edits: []Edit{{render, `Post: wire.NewPost(p, slug),`, `Post: mixed(wire.NewPost(p, slug)),`}},
	},
	{
		Name: "views-doubled", What: "views whose flush took long are taken for lost and counted again",
		Exposes: []string{"G8"}, Needs: []string{SlowLink, Views},
		Edits: []Edit{{batcher, `
	known, err := b.store.AddViews(ctx, b.nodeID, part, readers)
`, `
	began := time.Now()
	known, err := b.store.AddViews(ctx, b.nodeID, part, readers)
	if broken("views-doubled") && err == nil && time.Since(began) > 5*time.Millisecond {
		err = liveblog.ErrUnavailable
	}
`}},
	},
	{
		Name: "views-fall", What: "counts that are older than what was told are told",
		Exposes: []string{"G8"}, Needs: []string{Views},
		Edits: []Edit{{counts, `
		if c.posts[id] < n {
`, `
		n = older(n)
		if c.posts[id] < n || broken("views-fall") {
`}},
	},
	{
		Name: "page-outdated", What: "a page that may hold what was taken back is shown while the next one is made",
		Exposes: []string{"G11"}, Needs: []string{Flood},
		Edits: []Edit{{recent, `c.knows.superseded(e.value):`, `!broken("page-outdated") && c.knows.superseded(e.value):`},
			{recent, `if !c.knows.superseded(kept.value) {`, `if broken("page-outdated") || !c.knows.superseded(kept.value) {`}},
	},
	{
		Name: "views-given-up", What: "a node that leaves tries only once to write its views",
		Exposes: []string{"G8"}, Needs: []string{Locked, Views},
		Edits: []Edit{{batcher, `for !b.flush(ctx) && b.waiting() > 0 {`, `for !b.flush(ctx) && b.waiting() > 0 && !broken("views-given-up") {`}},
	},
	{
		Name: "views-forgotten", What: "some beacons are answered and not counted",
		Exposes: []string{"G8"}, Needs: []string{Views},
		Edits: []Edit{{batcher, `
			b.count(beacon.BlogID, post, 1)
`, `
			if !broken("views-forgotten") || post[15]%4 > 0 {
				b.count(beacon.BlogID, post, 1)
			}
`}},
	},
}
