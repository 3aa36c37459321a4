package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"time"

	"dateline/internal/proof/chaos/history"
	"dateline/internal/wait"
)

// How a reader follows a blog.
const (
	SSE   = "sse"
	Poll  = "poll"
	Slow  = "slow"  // as SSE, but taking few bytes a second
	Never = "never" // opens a stream and reads nothing
)

// Start is where a reader begins.
type Start int

// The starts.
const (
	FromHead     Start = iota // after what the list of posts shows
	FromZero                  // at the beginning of the log
	FromAnywhere              // at random between the two
	FromNow                   // without a cursor: where the node is
	FromBeyond                // far beyond the end of the log, where it has never been
)

// ReaderConfig says how a reader reads.
type ReaderConfig struct {
	Name   string // unique in the run
	Seed   uint64 // of the run
	Target Target
	Via    []int // nodes it uses, Front for the balancer; the first one first; none means all
	Blog   string
	Token  string // of an API token, for a draft; else ""
	// Address is what a proxy would say of the client, in X-Forwarded-For: nodes
	// that believe it count the reader there. "" says nothing.
	Address string
	How     string // SSE when ""
	Keeps   string // of its place, as history names it; history.KeepsEpoch when ""
	Start   Start
	// Again is how long after the end of the blog the reader looks whether it goes
	// on after all; 0 is never.
	Again time.Duration
	// Leave is the mean time between two moments at which it leaves of its own
	// will, to come back at once and maybe elsewhere; 0 is never.
	Leave time.Duration
	// Away is the mean time that it then stays away; 0 is a moment.
	Away time.Duration
	Calm <-chan struct{} // once it is closed, the reader leaves no more; may be nil
	// MostRetry caps the time that it waits before it reconnects; 0 obeys the server.
	MostRetry time.Duration
	Silence   time.Duration // after which it gives a stream up; 50 s when 0
	Wait      time.Duration // of a long poll, whole seconds; 20 s when 0

	BytesPerSecond int // of a slow reader; 100 when 0
	ReceiveBuffer  int // of a slow reader or one that never reads, bytes; 2048 when 0

	Dir     string   // of the run: the log is in history.ReadersDir there
	Tracker *Tracker // hears of what healthy readers see; may be nil
}

// Defaults of a reader.
const (
	defaultSilence        = 50 * time.Second
	defaultWait           = 20 * time.Second
	defaultBytesPerSecond = 100
	defaultReceiveBuffer  = 2 << 10
	defaultRetry          = 3 * time.Second // until a server tells another
	// headTimeout bounds the request that tells where the log ends.
	headTimeout = 5 * time.Second
)

// beyond is how far beyond the log a reader begins that begins there: the log
// does not get so far in a run.
const beyond = 1_000_000_000

// none is the cursor of a reader that has none.
const none = -1

// reader follows one blog, whatever happens. It filters nothing: duplicates and
// gaps are logged as they come.
type reader struct {
	ReaderConfig
	route    *route
	rnd      *rand.Rand
	http     *http.Client
	log      *history.Log
	follower *Follower

	cursor   int64 // the last id seen, or none
	epoch    string
	chain    string        // of the event at the cursor, "" when that is not known
	session  string        // query of the first connect of an EventSource
	lastID   string        // that it would send when it reconnects
	retry    time.Duration // as the server told it
	failures int           // in a row
	over     bool          // the blog has ended
	fresh    bool          // nothing before the next hello is owed to it in time
	scratch  []byte
}

// Why a reader ended a stream itself.
var (
	errLeave  = errors.New("the reader leaves")
	errSilent = errors.New("nothing came for too long")
)

// Read follows a blog until ctx ends or the blog does, and logs all it sees.
func Read(ctx context.Context, c ReaderConfig) (err error) {
	r, err := newReader(c)
	if err != nil {
		return fmt.Errorf("reader %s: %w", c.Name, err)
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if !r.begin(ctx) {
		return nil
	}
	r.renew()
	for ctx.Err() == nil {
		why := r.follow(ctx)
		r.saw(history.Seen{Kind: history.Closed, Why: why})
		pause := r.away(why)
		if r.over {
			pause = r.Again
		}
		if ctx.Err() != nil || r.over && r.Again == 0 || !wait.For(ctx, pause) {
			return nil
		}
		r.move(why)
	}
	return nil
}

func newReader(c ReaderConfig) (*reader, error) {
	c.How, c.Keeps = cmp.Or(c.How, SSE), cmp.Or(c.Keeps, history.KeepsEpoch)
	c.Silence = cmp.Or(c.Silence, defaultSilence)
	c.Wait = cmp.Or(c.Wait, defaultWait)
	c.BytesPerSecond = cmp.Or(c.BytesPerSecond, defaultBytesPerSecond)
	c.ReceiveBuffer = cmp.Or(c.ReceiveBuffer, defaultReceiveBuffer)
	log, err := history.NewLog(filepath.Join(c.Dir, history.ReadersDir, c.Name+".jsonl"))
	if err != nil {
		return nil, err
	}
	rnd := random(c.Seed, c.Name)
	r := &reader{ReaderConfig: c, rnd: rnd, route: newRoute(c.Target, c.Via, rnd), log: log, cursor: none, retry: defaultRetry, fresh: true}
	r.http = newClient(r.hostile)
	healthy := c.How == SSE || c.How == Poll
	if healthy {
		r.follower = c.Tracker.Follow(c.Blog)
	}
	log.Add(history.Reader{Name: c.Name, Blog: c.Blog, How: c.How, Keeps: c.Keeps, Healthy: healthy})
	return r, nil
}

func (r *reader) close() error {
	r.follower.Leave()
	r.http.CloseIdleConnections()
	return r.log.Close()
}

// hostile makes the connections of readers that take little.
func (r *reader) hostile(t *http.Transport) {
	if r.How == Slow || r.How == Never {
		t.DialContext = smallBuffers(r.ReceiveBuffer).DialContext
		t.ReadBufferSize = r.ReceiveBuffer
	}
}

// begin finds out where to start; false when ctx ended before that.
func (r *reader) begin(ctx context.Context) bool {
	switch r.Start {
	case FromNow:
		return true
	case FromZero:
		r.cursor = 0
		return true
	}
	for try := 0; ; try++ {
		head, ok := r.head(ctx)
		if ok {
			r.begun(head)
			return true
		}
		r.route.move()
		if !wait.For(ctx, longestPause/2+upTo(r.rnd, longestPause)) {
			return false
		}
	}
}

// begun takes a place in the log over. Of a place within it no chain is known.
func (r *reader) begun(head logHead) {
	r.epoch, r.cursor, r.chain = head.Epoch, head.LastSeq, head.Chain
	switch r.Start {
	case FromAnywhere:
		r.cursor, r.chain = r.rnd.Int64N(head.LastSeq+1), ""
	case FromBeyond:
		r.cursor, r.chain = r.cursor+beyond, ""
	}
}

// logHead is the history and its end, as the list of posts tells them.
type logHead struct {
	Epoch   string `json:"epoch"`
	LastSeq int64  `json:"last_seq"`
	Chain   string `json:"chain"`
}

func (r *reader) head(ctx context.Context) (logHead, bool) {
	a := api{route: r.route, token: r.Token, timeout: headTimeout, http: r.http}
	return readHead(ctx, &a, r.Blog)
}

// follow reads until there is a reason to stop, and returns it.
func (r *reader) follow(ctx context.Context) (why string) {
	ctx, leave := context.WithCancelCause(ctx)
	defer leave(nil)
	if r.Leave > 0 {
		patience := time.Duration(r.rnd.ExpFloat64() * float64(r.Leave))
		timer := time.AfterFunc(patience, func() {
			if !r.calm() {
				leave(errLeave)
			}
		})
		defer timer.Stop()
	}
	r.over = false
	r.saw(history.Seen{Kind: history.Open, Seq: r.cursor, Epoch: r.told()})
	switch r.How {
	case Poll:
		return r.poll(ctx)
	case Never:
		return r.stare(ctx)
	default:
		return r.stream(ctx)
	}
}

// calm reports whether the reader shall stay where it is.
func (r *reader) calm() bool {
	select {
	case <-r.Calm:
		return true
	default:
		return false
	}
}

// saw logs a line, at this moment and place.
func (r *reader) saw(s history.Seen) {
	s.At, s.Node = time.Now().UnixNano(), r.route.at
	r.log.Add(&s)
}

// reason says why a stream ended with an error, as ctx or else the error tells.
func reason(ctx context.Context, fallback string) string {
	switch cause := context.Cause(ctx); {
	case cause == nil:
		return fallback
	case errors.Is(cause, errSilent):
		return history.Silent
	default:
		return history.ByReader
	}
}

// away is how long the reader waits before it comes back. The page's script
// obeys the server's time after a stream that ended, and one of its own when the
// stream was refused.
func (r *reader) away(why string) time.Duration {
	var d time.Duration
	switch why {
	case history.ByReader:
		return upTo(r.rnd, firstPause) + time.Duration(r.rnd.ExpFloat64()*float64(r.Away))
	case history.Refused:
		r.failures++
		d = min(time.Second<<min(r.failures, 5), 30*time.Second)
	default:
		d = r.retry
	}
	if r.MostRetry > 0 {
		d = min(d, r.MostRetry)
	}
	return d + upTo(r.rnd, d/10+time.Millisecond)
}

// move chooses the place of the next stream: another after a failure, any after
// the reader left. An EventSource reconnects after a stream that ended or broke;
// in all other cases the page makes a new one.
func (r *reader) move(why string) {
	if r.Keeps == history.KeepsChain || why != history.Broken && why != history.ByServer {
		r.renew()
	}
	if why == history.ByReader {
		r.fresh = true
		r.route.wander()
		return
	}
	r.route.move()
}

// renew begins as a new EventSource does.
func (r *reader) renew() { r.session, r.lastID = r.query(), "" }

// told is the epoch that the reader tells a server.
func (r *reader) told() string {
	if r.Keeps == history.KeepsNumber || r.Keeps == history.KeepsReceipt {
		return ""
	}
	return r.epoch
}

// query is the cursor in an address: what the reader keeps of it.
func (r *reader) query() string {
	q := url.Values{}
	if r.Keeps == history.KeepsReceipt {
		q.Set("ids", "receipt")
	}
	switch {
	case r.cursor == none:
	case r.Keeps == history.KeepsReceipt && r.How == Poll && r.chain != "": // an EventSource has a header for it
		q.Set("lastEventId", strconv.FormatInt(r.cursor, 10)+"."+r.chain)
	default:
		q.Set("after", strconv.FormatInt(r.cursor, 10))
	}
	if epoch := r.told(); epoch != "" {
		q.Set("epoch", epoch)
	}
	if (r.Keeps == history.KeepsChain || r.Keeps == history.KeepsReceipt && r.How != Poll) && r.cursor != none && r.chain != "" {
		q.Set("chain", r.chain)
	}
	return q.Encode()
}

// get asks for something of the blog.
func (r *reader) get(ctx context.Context, rest, lastID string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.route.url()+"/api/v1/blogs/"+r.Blog+rest, http.NoBody)
	if err != nil {
		return nil, err
	}
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	if r.Token != "" {
		req.Header.Set("Authorization", "Bearer "+r.Token)
	}
	forwardedFor(req.Header, r.Address)
	return r.http.Do(req)
}

// forwardedFor says which client a request is of, as a proxy does.
func forwardedFor(h http.Header, address string) {
	if address != "" {
		h.Set("X-Forwarded-For", address)
	}
}
