package load

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"dateline/internal/proof/chaos/history"
	"dateline/internal/proof/eventsource"
	"dateline/internal/wait"
)

// StormConfig says how many readers come at once, and where from.
type StormConfig struct {
	Name    string
	Seed    uint64
	Target  Target
	Via     []int // the places they connect to, in turn; none means all
	Blog    string
	Readers int
	Behind  int64         // how many events they missed; their cursor is the log's end less this
	Within  time.Duration // over which they come; 1 s when 0
	// Address is what ReaderConfig.Address is, of each reader; nil says nothing.
	Address func(reader int) string
}

// StormResult tells how a storm went.
type StormResult struct {
	From, Head int64         // the readers' cursor, and where they are whole
	Whole      int           // readers who got all that is between
	Wrong      int           // readers to whom an event came that was not the next one
	Failed     int           // connections that were refused, rejected or cut; such readers reconnect
	Slowest    time.Duration // until a reader was whole, from the moment it came
	P50, P99   time.Duration
	Took       time.Duration // until all were
}

// stormRetry caps how long a rejected reader waits in a storm.
const stormRetry = 2 * time.Second

// storm is many readers, who are not logged: what they get is compared with
// what they must get at once.
type storm struct {
	StormConfig
	head logHead
	from int64
	http *http.Client

	mu     sync.Mutex
	result StormResult
	times  []time.Duration
}

// Storm opens many streams at once from the same cursor and reads each until it
// is whole, that is at the end of the log as it was in the beginning. The error
// is that of ctx, or why the storm could not begin.
func Storm(ctx context.Context, c StormConfig) (StormResult, error) {
	rnd := random(c.Seed, c.Name)
	r := newRoute(c.Target, c.Via, rnd)
	s := &storm{StormConfig: c, http: newClient(nil)}
	defer s.http.CloseIdleConnections()
	var ok bool
	if s.head, ok = readHead(ctx, &api{route: r, timeout: headTimeout, http: s.http}, c.Blog); !ok {
		return StormResult{}, errors.New("storm: the end of the log is not to be read")
	}
	s.from = max(0, s.head.LastSeq-c.Behind)
	if s.Within == 0 {
		s.Within = time.Second
	}
	began := time.Now()
	var all sync.WaitGroup
	for i := range c.Readers {
		at, delay := r.via[i%len(r.via)], upTo(rnd, s.Within)
		one := stormReader{storm: s, base: c.Target.url(at), cursor: s.from}
		if c.Address != nil {
			one.address = c.Address(i)
		}
		all.Go(func() { one.run(ctx, delay) })
	}
	all.Wait()
	return s.sum(time.Since(began)), ctx.Err()
}

// stormReader is one of them.
type stormReader struct {
	*storm
	base    string // of URLs
	address string
	cursor  int64
}

// run comes after a moment and again until the reader is whole.
func (s *stormReader) run(ctx context.Context, delay time.Duration) {
	if !wait.For(ctx, delay) {
		return
	}
	came := time.Now()
	for {
		retry, err := s.catchUp(ctx)
		switch {
		case err == nil:
			s.whole(time.Since(came))
			return
		case errors.Is(err, errWrong):
			s.count(func(r *StormResult) { r.Wrong++ })
			return
		}
		s.count(func(r *StormResult) { r.Failed++ })
		if !wait.For(ctx, min(retry, stormRetry)) {
			return
		}
	}
}

func (s *storm) count(add func(*StormResult)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	add(&s.result)
}

func (s *storm) whole(took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.result.Whole++
	s.times = append(s.times, took)
}

// errWrong is an event that is not the next one.
var errWrong = errors.New("not the next event")

// catchUp reads one stream until the reader is whole, or says why it is not and
// when to come again.
func (s *stormReader) catchUp(ctx context.Context) (retry time.Duration, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := watch(defaultSilence, cancel)
	defer w.stop()
	retry = firstPause // until the stream tells another time
	url := fmt.Sprintf("%s/api/v1/blogs/%s/stream?after=%d&epoch=%s", s.base, s.Blog, s.cursor, s.head.Epoch)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return retry, err
	}
	forwardedFor(req.Header, s.address)
	res, err := s.http.Do(req)
	if err != nil {
		return retry, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return retry, fmt.Errorf("status %d", res.StatusCode)
	}
	p := eventsource.NewParser(w.listen(res.Body))
	err = s.follow(p)
	return max(retry, time.Duration(p.Retry())*time.Millisecond), err
}

// follow reads events, which must be in order, up to the head.
func (s *stormReader) follow(p *eventsource.Parser) error {
	for s.cursor < s.head.LastSeq {
		e, err := p.Next()
		if err != nil {
			return err
		}
		if !e.HasID {
			continue
		}
		seq, err := strconv.ParseInt(e.ID, 10, 64)
		switch {
		case e.Name == history.Hello && seq == s.cursor:
		case err != nil || seq != s.cursor+1 || e.Name == history.Hello || e.Name == history.Reset:
			return fmt.Errorf("%s %s after %d: %w", e.Name, e.ID, s.cursor, errWrong)
		default:
			s.cursor = seq
		}
	}
	return nil
}

func (s *storm) sum(took time.Duration) StormResult {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := quantiles(s.times)
	r := s.result
	r.From, r.Head, r.Took = s.from, s.head.LastSeq, took
	r.P50, r.P99, r.Slowest = q.P50, q.P99, q.Max
	return r
}
