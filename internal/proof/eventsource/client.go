package eventsource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"dateline/internal/wait"
)

// DefaultRetry is how long a Client waits before it reconnects, until a stream
// tells another time.
const DefaultRetry = 3 * time.Second

// State is the readyState of an event source.
type State int

// The states, with the numbers that browsers give them.
const (
	Connecting State = iota
	Open
	Closed
)

// RefusedError is an answer that ends an event source for good: another status than
// 200, or another type than text/event-stream.
type RefusedError struct {
	Status      int
	ContentType string
}

func (r *RefusedError) Error() string {
	return fmt.Sprintf("eventsource: the answer is %d %q", r.Status, r.ContentType)
}

// ErrStop ends Client.Follow when its callback returns it.
var ErrStop = errors.New("eventsource: stop")

// Client follows one URL as EventSource does. Its fields are set before the first
// call; URL and LastID may change between two calls of Open, which is how a
// reader moves to another node. It is used by one goroutine.
type Client struct {
	URL    string
	HTTP   *http.Client  // http.DefaultClient if nil; it must have no Timeout
	Header http.Header   // sent besides, may be nil
	LastID string        // the last event id, sent on (re)connect unless empty
	Retry  time.Duration // the reconnection time; DefaultRetry if zero and no stream has sent one
	Limit  int           // see Parser.SetLimit; DefaultLimit if zero

	// OnState hears of every readyState entered after the first Connecting, with
	// the error that led there; it may be nil.
	OnState func(State, error)

	sent bool // Retry comes from a stream
}

// Stream is one open response.
type Stream struct {
	client *Client
	parser *Parser
	body   io.Closer
}

// Open connects once. The error is a *RefusedError if the answer is one that forbids to try again.
func (c *Client) Open(ctx context.Context) (*Stream, error) {
	req, err := c.request(ctx)
	if err != nil {
		return nil, err
	}
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("open stream: %w", err)
	}
	if kind := res.Header.Get("Content-Type"); res.StatusCode != http.StatusOK || !isEventStream(kind) {
		res.Body.Close()
		return nil, &RefusedError{Status: res.StatusCode, ContentType: kind}
	}
	p := NewParser(res.Body)
	p.SetLastID(c.LastID)
	if c.Limit > 0 {
		p.SetLimit(c.Limit)
	}
	return &Stream{client: c, parser: p, body: res.Body}, nil
}

func (c *Client) request(ctx context.Context) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL, nil)
	if err != nil {
		return nil, fmt.Errorf("open stream: %w", err)
	}
	for name, values := range c.Header {
		req.Header[name] = values
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Cache-Control", "no-cache")
	req.Header.Set("Pragma", "no-cache")
	if c.LastID != "" {
		req.Header.Set("Last-Event-ID", c.LastID)
	}
	return req, nil
}

// isEventStream compares the essence of a media type; parameters, a charset
// among them, change nothing: a stream is always UTF-8.
func isEventStream(contentType string) bool {
	essence, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.Trim(essence, " \t\r\n"), "text/event-stream")
}

// Next returns the stream's next event, as Parser.Next does, and keeps what the
// client needs to resume.
func (s *Stream) Next() (Event, error) {
	e, err := s.parser.Next()
	s.client.LastID = s.parser.LastID()
	if ms := s.parser.Retry(); ms != NoRetry {
		s.client.Retry, s.client.sent = time.Duration(ms)*time.Millisecond, true
	}
	return e, err
}

// Close ends the stream.
func (s *Stream) Close() {
	_ = s.body.Close() // what it could tell is known: the stream is of no more use
}

// Follow opens the stream, calls on for each event, and reconnects after the
// reconnection time whenever it ends or breaks. It returns nil when on returns
// ErrStop, and otherwise on's error, the *RefusedError, or the context's error.
func (c *Client) Follow(ctx context.Context, on func(Event) error) error {
	for {
		err := c.once(ctx, on)
		if over := c.final(ctx, err); over != nil {
			c.enter(Closed, err)
			return ignore(over, ErrStop)
		}
		c.enter(Connecting, err)
		if err := c.wait(ctx); err != nil {
			c.enter(Closed, err)
			return err
		}
	}
}

// once opens one stream and tells its events until it ends, with io.EOF at least.
func (c *Client) once(ctx context.Context, on func(Event) error) error {
	s, err := c.Open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	c.enter(Open, nil)
	for {
		e, err := s.Next()
		if err != nil {
			return err
		}
		if err := on(e); err != nil {
			return &stopped{err}
		}
	}
}

// stopped is the error of a callback, which is no reason to reconnect.
type stopped struct{ error }

func (s *stopped) Unwrap() error { return s.error }

// final is the error that ends Follow, or nil if it may reconnect.
func (c *Client) final(ctx context.Context, err error) error {
	if _, ok := errors.AsType[*RefusedError](err); ok {
		return err
	}
	if stop, ok := errors.AsType[*stopped](err); ok {
		return stop.error
	}
	return ctx.Err()
}

func ignore(err, ignored error) error {
	if errors.Is(err, ignored) {
		return nil
	}
	return err
}

func (c *Client) enter(s State, err error) {
	if c.OnState != nil {
		c.OnState(s, err)
	}
}

func (c *Client) wait(ctx context.Context) error {
	d := c.Retry
	if d == 0 && !c.sent {
		d = DefaultRetry
	}
	if !wait.For(ctx, d) {
		return ctx.Err()
	}
	return nil
}
