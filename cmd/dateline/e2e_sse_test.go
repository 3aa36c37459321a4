package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// sseEvent is one dispatched event of a stream (WHATWG HTML, section 9.2.6).
type sseEvent struct {
	id    string // the last event id at the dispatch
	hasID bool   // this event brought it
	name  string // "message" unless the stream says otherwise
	data  string
	retry int // the last reconnection time told so far, in milliseconds
	at    time.Time
}

// sseParser turns bytes into events.
type sseParser struct {
	r       *bufio.Reader
	lastID  string
	retry   int
	swallow bool // the line ended with CR: an LF that follows belongs to it
	id      string
	hasID   bool
	name    string
	data    []string
}

func newSSEParser(r io.Reader) *sseParser {
	p := &sseParser{r: bufio.NewReader(r)}
	if bom, err := p.r.Peek(3); err == nil && string(bom) == "\uFEFF" {
		_, _ = p.r.Discard(3) // just peeked
	}
	return p
}

// next returns the next event. What the stream's end cuts off is dropped.
func (p *sseParser) next() (sseEvent, error) {
	for {
		line, err := p.line()
		if err != nil {
			return sseEvent{}, err
		}
		if line != "" {
			p.field(line)
			continue
		}
		if e, ok := p.dispatch(); ok {
			return e, nil
		}
	}
}

// line reads up to CR, LF or CRLF.
func (p *sseParser) line() (string, error) {
	var b []byte
	for {
		c, err := p.r.ReadByte()
		if err != nil {
			return "", err
		}
		skip := c == '\n' && p.swallow
		p.swallow = c == '\r'
		switch {
		case skip:
		case c == '\r' || c == '\n':
			return string(b), nil
		default:
			b = append(b, c)
		}
	}
}

func (p *sseParser) field(line string) {
	name, value, _ := strings.Cut(line, ":")
	value = strings.TrimPrefix(value, " ")
	switch name {
	case "event":
		p.name = value
	case "data":
		p.data = append(p.data, value)
	case "id":
		if !strings.Contains(value, "\x00") {
			p.id, p.hasID = value, true
		}
	case "retry":
		if n, err := strconv.ParseUint(value, 10, 31); err == nil && strings.Trim(value, "0123456789") == "" {
			p.retry = int(n)
		}
	}
}

// dispatch ends an event. One without data moves the last id and is no event.
func (p *sseParser) dispatch() (sseEvent, bool) {
	if p.hasID {
		p.lastID = p.id
	}
	e := sseEvent{id: p.lastID, hasID: p.hasID, name: p.name, data: strings.Join(p.data, "\n"), retry: p.retry, at: time.Now()}
	some := len(p.data) > 0
	p.id, p.hasID, p.name, p.data = "", false, "", nil
	if e.name == "" {
		e.name = "message"
	}
	return e, some
}

// sseReader follows one blog as EventSource does, with its last event id, on
// whatever node it is told to. It is used by one goroutine.
type sseReader struct {
	client   *http.Client
	slug     string
	query    url.Values // of every connect: after, epoch
	lastID   string
	log      []sseEvent
	connects int
}

// errEnded is a stream that ended in good order.
var errEnded = errors.New("the stream ended")

// follow opens the stream and calls on for each event until on says stop, the
// stream ends or breaks.
func (r *sseReader) follow(ctx context.Context, node string, on func(sseEvent) (stop bool)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	body, err := r.open(ctx, node)
	if err != nil {
		return err
	}
	defer body.Close()
	p := newSSEParser(body)
	p.lastID = r.lastID
	for {
		e, err := p.next()
		if errors.Is(err, io.EOF) {
			return errEnded
		}
		if err != nil {
			return err
		}
		r.lastID = e.id
		r.log = append(r.log, e)
		if on(e) {
			return nil
		}
	}
}

func (r *sseReader) open(ctx context.Context, node string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, node+"/api/v1/blogs/"+r.slug+"/stream?"+r.query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	if r.lastID != "" {
		req.Header.Set("Last-Event-ID", r.lastID)
	}
	res, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		res.Body.Close()
		return nil, fmt.Errorf("the stream answers %s %q", res.Status, res.Header.Get("Content-Type"))
	}
	r.connects++
	return res.Body, nil
}

// TestSSEParser holds the tests' own client to the specification: a client
// that forgives would hide what browsers do not.
func TestSSEParser(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, stream, want string }{
		{"one event", "event: post\nid: 7\ndata: x\n\n", "7 post x"},
		{"CRLF and CR", "data: a\r\n\r\ndata: b\r\rdata: c\n\n", " message a, message b, message c"},
		{"byte order mark", "\uFEFFdata: a\n\n", " message a"},
		{"comment and unknown field", ": hi\nfoo: bar\ndata: a\n\n", " message a"},
		{"lines of data", "data: a\ndata:  b\ndata\n\n", " message a\n b\n"},
		{"no data, no event", "event: x\nid: 3\n\ndata: a\n\n", "3 message a"},
		{"id stays", "id: 3\ndata: a\n\ndata: b\n\n", "3 message a,3 message b"},
		{"id with NUL", "id: 3\ndata: a\n\nid: 4\x00\ndata: b\n\n", "3 message a,3 message b"},
		{"empty id", "id: 3\ndata: a\n\nid\ndata: b\n\n", "3 message a, message b"},
		{"cut off", "data: a\n\nid: 9\ndata: b\n", " message a"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for p := newSSEParser(strings.NewReader(test.stream)); ; {
				e, err := p.next()
				if err != nil {
					break
				}
				got = append(got, e.id+" "+e.name+" "+e.data)
			}
			if strings.Join(got, ",") != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestSSEParser_Retry(t *testing.T) {
	t.Parallel()
	p := newSSEParser(strings.NewReader("retry: 1500\nretry: 1e3\nretry: -4\nretry:\n\ndata: a\n\nretry: 0\ndata: b\n\n"))
	var got []int
	for e, err := p.next(); err == nil; e, err = p.next() {
		got = append(got, e.retry)
	}
	if !slices.Equal(got, []int{1500, 0}) {
		t.Error(got)
	}
}
