package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"dateline/internal/apiclient"
	"dateline/internal/proof/chaos/history"
	"dateline/internal/wait"
)

// PublisherConfig says what a publisher does.
type PublisherConfig struct {
	Name   string // unique in the run
	Seed   uint64 // of the run
	Target Target
	Via    []int // nodes it uses, Front for the balancer; the first one first; none means all
	Blog   string
	Token  string  // API token with posts:write
	Rate   float64 // operations a second; 0 is as fast as they are answered
	Most   int     // operations; 0 means until the context ends

	// Tagged gives posts tags out of Tags and makes some of them key events, and
	// changes both with every edit.
	Tagged         bool
	Edits, Deletes int           // percent of the operations; 12 and 8 when both are 0; negative is none
	Timeout        time.Duration // of one attempt; 5.5 s when 0
	Grace          time.Duration // how long it goes on for an answer after the end; 10 s when 0

	Log     *history.Log // of history.Write
	Tracker *Tracker     // may be nil
	Tally   *Tally       // may be nil
}

// Defaults of a publisher.
const (
	defaultEdits   = 12
	defaultDeletes = 8
	defaultTimeout = 5500 * time.Millisecond
	defaultGrace   = 10 * time.Second
)

// mostOwn is how many posts a publisher keeps in mind for edits and deletions.
const mostOwn = 500

// publisher writes to one blog, one operation at a time.
type publisher struct {
	PublisherConfig
	*api
	rnd   *rand.Rand
	posts []*ownPost
	count int       // operations so far
	due   time.Time // of the next one
}

// ownPost is a post that the publisher made, as it knows it.
type ownPost struct {
	id      string
	version int64
}

// Publish creates posts and edits and deletes its own, each until there is a
// definite answer, and logs every operation. It returns nil when ctx ends or
// it has done as much as it should.
func Publish(ctx context.Context, c PublisherConfig) error {
	if c.Name == "" || c.Blog == "" || c.Log == nil {
		return errors.New("a publisher needs a name, a blog and a log")
	}
	p := newPublisher(c)
	defer p.close()
	defer c.Tracker.Publishing(c.Blog)()
	lasting, stop := withGrace(ctx, p.Grace)
	defer stop()
	for p.more() && p.pace(ctx) {
		w := p.carryOut(lasting, p.next())
		p.Log.Add(w)
		if w.Acknowledged() {
			p.Tracker.Acked(w.Blog, w.Seq, time.Unix(0, w.Began))
		} else if !wait.For(ctx, p.pause(0)) { // what is refused at once must not be asked for in a busy loop
			return nil
		}
	}
	return nil
}

func newPublisher(c PublisherConfig) *publisher {
	if c.Edits == 0 && c.Deletes == 0 {
		c.Edits, c.Deletes = defaultEdits, defaultDeletes
	}
	c.Timeout = cmp.Or(c.Timeout, defaultTimeout)
	c.Grace = cmp.Or(c.Grace, defaultGrace)
	rnd := random(c.Seed, c.Name)
	return &publisher{PublisherConfig: c, rnd: rnd, due: time.Now(), api: newAPI(newRoute(c.Target, c.Via, rnd), c.Token, c.Timeout, c.Tally)}
}

// withGrace gives a context that ends a while after ctx does.
func withGrace(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	lasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() {
		if wait.For(lasting, grace) {
			cancel()
		}
	})
	return lasting, cancel
}

func (p *publisher) more() bool { return p.Most == 0 || p.count < p.Most }

// pace waits for the time of the next operation: steady on the whole, not in
// step with others. What an outage held up is not made up for in a rush.
func (p *publisher) pace(ctx context.Context) bool {
	if p.Rate <= 0 {
		return ctx.Err() == nil
	}
	interval := time.Duration(float64(time.Second) / p.Rate)
	pause := time.Until(p.due)
	if pause < 0 {
		p.due = time.Now()
	}
	p.due = p.due.Add(interval/2 + upTo(p.rnd, interval))
	return wait.For(ctx, pause)
}

// operation is one write, the same however often it is attempted.
type operation struct {
	history.Write
	post *ownPost // of an edit and a deletion
	sent request
}

// next chooses what to do.
func (p *publisher) next() *operation {
	p.count++
	dice := p.rnd.IntN(100)
	switch {
	case len(p.posts) == 0 || dice >= p.Edits+p.Deletes:
		return p.create()
	case dice < p.Edits:
		return p.edit(p.posts[p.rnd.IntN(len(p.posts))])
	default:
		return p.delete(p.posts[p.rnd.IntN(len(p.posts))])
	}
}

func (p *publisher) create() *operation {
	o := &operation{Write: history.Write{Op: history.Create, Blog: p.Blog, Text: newTitle(p.rnd, p.Name, p.count)}}
	o.Key = fmt.Sprintf("%016x-%s-%d", p.rnd.Uint64(), p.Name, p.count)
	o.sent = request{method: http.MethodPost, path: p.path(""), key: o.Key, body: p.postJSON(o.Text)}
	return o
}

func (p *publisher) edit(own *ownPost) *operation {
	o := &operation{Write: history.Write{Op: history.Edit, Blog: p.Blog, Post: own.id, Text: newTitle(p.rnd, p.Name, p.count)}, post: own}
	o.sent = request{method: http.MethodPatch, path: p.path("/" + own.id), version: own.version, body: p.postJSON(o.Text)}
	return o
}

func (p *publisher) delete(own *ownPost) *operation {
	o := &operation{Write: history.Write{Op: history.Delete, Blog: p.Blog, Post: own.id}, post: own}
	o.sent = request{method: http.MethodDelete, path: p.path("/" + own.id), version: own.version}
	return o
}

func (p *publisher) path(rest string) string { return "/api/v1/blogs/" + p.Blog + "/posts" + rest }

func (p *publisher) postJSON(title string) []byte {
	format := "markdown"
	if p.rnd.IntN(4) == 0 {
		format = "text"
	}
	post := map[string]any{"title": title, "body": newBody(p.rnd), "format": format}
	if p.Tagged {
		post["tags"], post["key_event"] = []string{Tags[p.rnd.IntN(len(Tags))]}, p.rnd.IntN(5) == 0
	}
	return apiclient.JSON(post)
}

// Tags are those that publishers give.
var Tags = []string{"goals", "weather", "votes"}

// carryOut does an operation and gives what to log of it.
func (p *publisher) carryOut(ctx context.Context, o *operation) history.Write {
	o.Began = time.Now().UnixNano()
	p.insist(ctx, o)
	o.Ended = time.Now().UnixNano()
	return o.Write
}

// insist asks until the answer is definite or ctx ends, which leaves the status
// at 0.
func (p *publisher) insist(ctx context.Context, o *operation) {
	for try := 0; ; try++ {
		a := p.ask(ctx, o.sent)
		o.Attempts++
		o.Slowest = max(o.Slowest, int64(a.took))
		if a.definite() {
			p.settle(ctx, o, a)
			return
		}
		p.route.move()
		if !wait.For(ctx, p.pause(try)) {
			return
		}
	}
}

// Pauses between attempts grow from the first to the longest.
const (
	firstPause   = 50 * time.Millisecond
	longestPause = time.Second
)

// pause is how long to wait after a try, at random so that many do not come at once.
func (p *publisher) pause(try int) time.Duration {
	d := min(firstPause<<min(try, 10), longestPause)
	return d/2 + upTo(p.rnd, d)
}

// settle writes down what a definite answer says, and what follows for the post.
func (p *publisher) settle(ctx context.Context, o *operation, a answer) {
	w := &o.Write
	w.Status, w.Replayed = a.status, a.replayed
	if done := w.Acknowledged(); done {
		told := a.post()
		w.Version, w.Seq = told.Version, told.Seq
		p.note(o, told)
		return
	}
	if w.Op == history.Create {
		return
	}
	switch a.status {
	case http.StatusPreconditionFailed, http.StatusNotFound, http.StatusGone:
		p.findOut(ctx, o, a)
	default:
		p.forget(o.post)
	}
}

// note keeps what an acknowledged operation made of the post.
func (p *publisher) note(o *operation, told post) {
	switch o.Op {
	case history.Create:
		o.Post = told.ID
		if told.ID != "" && len(p.posts) < mostOwn {
			p.posts = append(p.posts, &ownPost{told.ID, told.Version})
		}
	case history.Edit:
		o.post.version = told.Version
	case history.Delete:
		p.forget(o.post)
	}
}

// findOut asks whether an earlier attempt of an edit or deletion did it, since
// there are no keys for these: nobody else writes to the post, so what it is now
// tells. An answer of ours may have been lost, or a balancer's.
func (p *publisher) findOut(ctx context.Context, o *operation, a answer) {
	now, known := p.present(ctx, o, a)
	if !known {
		o.Status = 0
		return
	}
	switch {
	case o.Op == history.Edit && now.Title == o.Text && !now.removed(), o.Op == history.Delete && now.removed():
		o.Status = http.StatusOK
		o.Version = now.Version
		p.note(o, now)
	case now.removed() || now.ID == "":
		p.forget(o.post)
	default:
		o.post.version = now.Version
	}
}

// present is the post as it is now: as the refusal showed it, or as it reads.
// It is not known when ctx ends first.
func (p *publisher) present(ctx context.Context, o *operation, a answer) (now post, known bool) {
	if a.status == http.StatusPreconditionFailed {
		if current := a.current(); current.ID == o.post.id {
			return current, true
		}
	}
	for try := 0; ; try++ {
		a := p.ask(ctx, request{method: http.MethodGet, path: p.path("/" + o.post.id)})
		switch {
		case a.status == http.StatusOK:
			return a.post(), true
		case a.status == http.StatusGone:
			return post{ID: o.post.id, Status: removed}, true
		case a.definite():
			return post{}, true
		}
		p.route.move()
		if !wait.For(ctx, p.pause(try)) {
			return post{}, false
		}
	}
}

func (p *publisher) forget(own *ownPost) {
	for i, kept := range p.posts {
		if kept == own {
			last := len(p.posts) - 1
			p.posts[i], p.posts = p.posts[last], p.posts[:last]
			return
		}
	}
}
