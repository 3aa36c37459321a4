// Package apiclient sends requests to Dateline's API as a program does: with a
// bearer token and an idempotency key, once or until the answer is definite. It
// starts no goroutine of its own.
package apiclient

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"time"

	"dateline/internal/wait"
)

// Client sends requests to one server.
type Client struct {
	URL   string // "http://127.0.0.1:8080"; may be empty when paths are whole URLs
	Token string // sent as bearer, unless it is empty
	HTTP  *http.Client
}

// Request is one request. What is empty is not sent.
type Request struct {
	Method  string
	Path    string // from the root, with the query
	Body    []byte
	Type    string // of the body; JSON when empty
	Key     string // Idempotency-Key
	IfMatch string
	Header  http.Header // further headers
}

// JSON encodes a body. The bodies of our own requests can always be encoded.
func JSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("apiclient: encode a body: " + err.Error())
	}
	return b
}

// Answer is a response that was read whole.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 32 << 20

// Send sends a request once.
func (c *Client) Send(ctx context.Context, r Request) (Answer, error) {
	req, err := http.NewRequestWithContext(ctx, r.Method, c.URL+r.Path, bytes.NewReader(r.Body))
	if err != nil {
		return Answer{}, err
	}
	c.setHeader(req.Header, r)
	res, err := c.HTTP.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = fmt.Errorf("more than %d bytes", maxAnswer)
	}
	if err != nil {
		return Answer{}, fmt.Errorf("read answer: %w", err)
	}
	return Answer{Status: res.StatusCode, Header: res.Header, Body: body}, nil
}

func (c *Client) setHeader(h http.Header, r Request) {
	if c.Token != "" {
		h.Set("Authorization", "Bearer "+c.Token)
	}
	if r.Body != nil {
		h.Set("Content-Type", cmp.Or(r.Type, "application/json"))
	}
	if r.Key != "" {
		h.Set("Idempotency-Key", r.Key)
	}
	if r.IfMatch != "" {
		h.Set("If-Match", r.IfMatch)
	}
	for name, values := range r.Header {
		h[http.CanonicalHeaderKey(name)] = values
	}
}

// Replayed reports whether the server had answered the same key before.
func (a Answer) Replayed() bool { return a.Header.Get("Idempotent-Replayed") == "true" }

// Decode reads a success into out, which may be nil; any other answer is an *Error.
func (a Answer) Decode(out any) error {
	if a.Status < 200 || a.Status > 299 {
		e := &Error{}
		if json.Unmarshal(a.Body, e) != nil {
			e.Detail = http.StatusText(a.Status)
		}
		e.Status = a.Status
		return e
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(a.Body, out)
}

// Error is a problem that the server reports.
type Error struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Errors []struct {
		Location string `json:"location"`
		Message  string `json:"message"`
	} `json:"errors"`
}

// Error has the status, the code, the detail and the fields that are wrong.
func (e *Error) Error() string {
	text := fmt.Sprintf("the server answered %d %s: %s", e.Status, e.Code, e.Detail)
	for _, f := range e.Errors {
		text += fmt.Sprintf("; %s %s", f.Location, f.Message)
	}
	return text
}

// busy reports whether the same request may succeed later.
func (e *Error) busy() bool {
	switch e.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// Do sends a request once and decodes the answer into out.
func (c *Client) Do(ctx context.Context, r Request, out any) error {
	a, err := c.Send(ctx, r)
	if err != nil {
		return err
	}
	return a.Decode(out)
}

// Limits of Retry: how often a request is sent, and the first and the longest
// pause between two attempts.
const (
	attempts   = 8
	firstPause = 100 * time.Millisecond
	maxPause   = 5 * time.Second
)

// Retry is Do that repeats a request while the server is busy or out of reach. A
// POST without a key gets one, the same for all attempts.
func (c *Client) Retry(ctx context.Context, r Request, out any) error {
	if r.Method == http.MethodPost && r.Key == "" {
		r.Key = rand.Text()
	}
	pause := firstPause
	for attempt := 1; ; attempt++ {
		a, err := c.Send(ctx, r)
		again := err != nil && ctx.Err() == nil
		if err == nil {
			err = a.Decode(out)
			refused, ok := errors.AsType[*Error](err)
			again = ok && refused.busy()
		}
		if !again || attempt == attempts {
			return err
		}
		if !wait.For(ctx, pause/2+mathrand.N(pause)) {
			return errors.Join(ctx.Err(), err)
		}
		pause = min(2*pause, maxPause)
	}
}
