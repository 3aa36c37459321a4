//go:build unix

package run

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"dateline/internal/proof/chaos/history"
	"dateline/internal/proof/chaos/load"
)

// workload says how many clients of each sort an act has.
type workload struct {
	Blogs      int
	Publishers int
	Rate       float64 // operations a second of each publisher; 0 is as fast as they are answered
	Streams    int
	Polls      int
	Slow       int  // readers that take few bytes a second, and log
	Front      bool // all readers come through nginx
	// Stay is how long every third reader stays at a place on average before it
	// leaves for another; 0 is until the end.
	Stay time.Duration
	Away time.Duration // that such a reader stays away on average; 0 is a moment
	// Again is how long after a blog's end readers look whether it goes on.
	Again time.Duration
	// Edits and Deletes are percent of what publishers do; the usual when both are 0.
	Edits, Deletes int
	Tagged         bool          // posts have tags, and some are key events
	Late           bool          // every third reader comes when the act lets it in, and begins at the log's beginning
	Wild           bool          // every third reader begins beyond the log's end
	Home           bool          // every third reader comes to the last node only
	MostRetry      time.Duration // caps what readers wait before they come back; 0 obeys the server
	AtLast         bool          // all readers come to the last node only
	// Keeps is what readers keep of their place, one after the other; all that there
	// is when it is empty.
	Keeps []string
}

// everyKind is of readers of all kinds.
var everyKind = []string{history.KeepsChain, history.KeepsEpoch, history.KeepsReceipt, history.KeepsNative, history.KeepsNumber}

// keeps is what a reader keeps.
func (c workload) keeps(i int) string {
	if len(c.Keeps) == 0 {
		return everyKind[i%len(everyKind)]
	}
	return c.Keeps[i%len(c.Keeps)]
}

// readers is how many log what they see.
func (c workload) readers() int { return c.Streams + c.Polls + c.Slow }

// clients are those of one act at work. Publishers end first, and with them
// beacons and probes; readers go on until they have all.
type clients struct {
	stage            *stage
	publishers       *errgroup.Group
	readers          *errgroup.Group
	endPublishing    context.CancelFunc
	endReading       context.CancelFunc
	calm             chan struct{} // closed when readers may leave no more
	beacons, credits *history.Log
	probes           *history.Log
	target           load.Target
	seed             uint64
}

// start sets the clients to work.
func (s *stage) start(ctx context.Context, seed uint64) (c *clients, err error) {
	c = &clients{
		stage: s, publishers: new(errgroup.Group), readers: new(errgroup.Group), calm: make(chan struct{}), target: s.target(), seed: seed ^ seedOfLoad,
	}
	for _, l := range []struct {
		log  **history.Log
		name string
	}{{&s.writes, history.WritesFile}, {&c.beacons, history.BeaconsFile}, {&c.credits, history.CredentialsFile}, {&c.probes, history.ProbesFile}} {
		if *l.log, err = history.NewLog(filepath.Join(s.dir, l.name)); err != nil {
			return nil, err
		}
	}
	ctx = context.WithoutCancel(ctx) // an interrupt ends the play, and the clients in order
	publishing, endPublishing := context.WithCancel(ctx)
	reading, endReading := context.WithCancel(ctx)
	c.endPublishing, c.endReading = endPublishing, endReading
	c.read(reading)
	c.publish(publishing)
	c.look(publishing)
	c.credentials(publishing)
	s.clients = c
	return c, nil
}

func (s *stage) target() load.Target {
	t := load.Target{Front: s.bed.FrontURL()}
	for _, n := range s.bed.Nodes() {
		t.Nodes = append(t.Nodes, n.URL())
	}
	return t
}

func (c *clients) publish(ctx context.Context) {
	for i := range c.stage.workload.Publishers {
		config := c.publisher(fmt.Sprintf("p%d", i), c.stage.slugs[i%len(c.stage.slugs)])
		config.Rate = c.stage.workload.Rate
		c.publishers.Go(func() error { return load.Publish(ctx, config) })
	}
}

func (c *clients) publisher(name, blog string) load.PublisherConfig {
	return load.PublisherConfig{
		Name: name, Seed: c.seed, Target: c.target, Blog: blog, Token: c.stage.token,
		Edits: c.stage.workload.Edits, Deletes: c.stage.workload.Deletes, Tagged: c.stage.workload.Tagged,
		Log: c.stage.writes, Tracker: c.stage.tracker, Tally: c.stage.tally,
	}
}

// look starts the clients that use the nodes in other ways: beacons, probes, credentials.
func (c *clients) look(ctx context.Context) {
	for i, slug := range c.stage.slugs {
		beacons := load.BeaconConfig{Name: "b" + slug, Seed: c.seed, Target: c.target, Blog: slug, Log: c.beacons}
		c.publishers.Go(func() error { return load.Beacons(ctx, beacons) })
		if i == 0 {
			pages := load.PageConfig{Name: "l" + slug, Seed: c.seed, Target: c.target, Blog: slug, Log: c.probes}
			c.publishers.Go(func() error { return load.Pages(ctx, pages) })
		}
	}
}

// watchTime is how long a revoked token is tried: longer than it may work.
const watchTime = 7 * time.Second

// credentials tries tokens that are good, revoked, expired and made up.
func (c *clients) credentials(ctx context.Context) {
	config := load.CredentialConfig{
		Name: "c", Seed: c.seed, Target: c.target, Draft: draftSlug, Log: c.credits, Watch: watchTime,
		Mint: c.stage.mint, Revoke: c.stage.revoke,
		Dead: []load.DeadCredential{{Standing: load.Expired, Token: c.stage.expired, Since: time.Now()}},
	}
	for n := range c.stage.bed.Nodes() {
		config.Via = append(config.Via, n+1)
	}
	c.publishers.Go(func() error { return load.Credentials(ctx, config) })
}

func (c *clients) read(ctx context.Context) {
	workload := c.stage.workload
	for i := range workload.readers() {
		how := load.SSE
		switch {
		case i >= workload.Streams+workload.Polls:
			how = load.Slow
		case i >= workload.Streams:
			how = load.Poll
		}
		config := load.ReaderConfig{
			Name: fmt.Sprintf("%s%d", how, i), Seed: c.seed, Target: c.target, Blog: c.stage.slugs[i%len(c.stage.slugs)],
			How: how, Keeps: workload.keeps(i), Start: load.FromAnywhere, Dir: c.stage.dir, Tracker: c.stage.tracker,
			Via: c.stage.via(i), Calm: c.calm, Silence: 25 * time.Second, BytesPerSecond: 2000,
		}
		config.Again, config.MostRetry = workload.Again, workload.MostRetry
		if i%3 == 0 || workload.Away > 0 {
			config.Leave, config.Away = workload.Stay, workload.Away
		}
		late := workload.Late && i%3 == 1
		switch {
		case late:
			config.Start = load.FromZero
		case workload.Wild && i%3 == 2:
			config.Start = load.FromBeyond
		case workload.AtLast || workload.Home && i%3 == 2:
			config.Via = []int{len(c.stage.bed.Nodes())}
		}
		c.readers.Go(func() error {
			if late {
				c.stage.awaitDoor(ctx)
			}
			return load.Read(ctx, config)
		})
	}
}

// awaitDoor waits until late readers are let in, or the act is over.
func (s *stage) awaitDoor(ctx context.Context) {
	select {
	case <-s.door:
	case <-ctx.Done():
	}
}

// via spreads readers: each begins at another place, and may go to all.
func (s *stage) via(i int) []int {
	places := len(s.bed.Nodes()) + 1
	first := 1
	if s.config.Nginx {
		first = 0
	}
	var via []int
	if s.workload.Front {
		return []int{load.Front}
	}
	for n := first; n < places; n++ {
		via = append(via, first+(n-first+i)%(places-first))
	}
	return via
}

// quiet ends the publishers, beacons and probes, and waits for the answers
// that they are owed.
func (c *clients) quiet(context.Context) error {
	c.endPublishing()
	close(c.calm)
	return c.publishers.Wait()
}

// converge publishes one more post on each blog, and waits until every healthy
// reader has it: then it has all.
func (c *clients) converge(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*c.stage.recoveryTimeout)
	defer cancel()
	began := time.Now()
	last := new(errgroup.Group)
	for i, slug := range c.stage.slugs {
		config := c.publisher(fmt.Sprintf("last%d", i), slug)
		config.Most = 1
		last.Go(func() error { return load.Publish(ctx, config) })
	}
	if err := last.Wait(); err != nil {
		return err
	}
	if err := c.stage.tracker.AwaitNewest(ctx, began, c.stage.slugs...); err != nil {
		c.stage.wrong("readers did not have all events %v after the last fault", 2*c.stage.recoveryTimeout)
	}
	return nil
}

// end ends the readers and closes the logs.
func (c *clients) end() error {
	c.endReading()
	return errors.Join(c.readers.Wait(), c.stage.writes.Close(), c.beacons.Close(), c.credits.Close(), c.probes.Close())
}
