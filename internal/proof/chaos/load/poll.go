package load

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"dateline/internal/proof/chaos/history"
)

// poll asks for events again and again, until it fails or the reader leaves.
func (r *reader) poll(ctx context.Context) (why string) {
	for first := true; ; first = false {
		body, status := r.ask(ctx)
		switch {
		case ctx.Err() != nil:
			return reason(ctx, history.Broken)
		case status == 0:
			return history.Broken
		case status != http.StatusOK:
			return history.Refused
		}
		if !r.batch(body, first) {
			return history.Broken
		}
		if r.over {
			return history.ByReader
		}
	}
}

// pollSlack is how much longer than the server a reader waits for an answer.
const pollSlack = 10 * time.Second

// ask waits for one batch; status is 0 when none came.
func (r *reader) ask(ctx context.Context) (body []byte, status int) {
	ctx, cancel := context.WithTimeout(ctx, min(r.Wait+pollSlack, r.Silence))
	defer cancel()
	res, err := r.get(ctx, fmt.Sprintf("/events?wait=%d&%s", int(r.Wait.Seconds()), r.query()), "")
	if err != nil {
		return nil, 0
	}
	defer res.Body.Close()
	if body, err = io.ReadAll(res.Body); err != nil {
		return nil, 0
	}
	return body, res.StatusCode
}

// batch logs the events of one answer; false if it is none. The first of a series
// says hello, as a stream does, and one of another history.
func (r *reader) batch(body []byte, first bool) bool {
	var b batch
	if b.read(body); b.epoch == "" {
		return false
	}
	if first || b.epoch != r.epoch {
		r.greetedByPoll(&b)
	}
	for event := range elements(b.events) {
		r.polled(event)
	}
	switch {
	case b.reset != nil:
		r.heard(history.Reset, "", b.reset)
	default:
		r.cursor, r.chain = b.next, b.chain
	}
	if b.ended {
		r.heard(history.End, "", nil)
	}
	return true
}

// batch is the answer to a long poll, its parts as they came.
type batch struct {
	epoch, chain  string // the chain is that of next
	head, next    int64
	events, reset []byte
	ended         bool
}

func (b *batch) read(body []byte) {
	for key, raw := range fields(body) {
		switch string(key) {
		case "epoch":
			b.epoch = text(raw)
		case "chain":
			b.chain = text(raw)
		case "head":
			b.head = number(raw)
		case "next":
			b.next = number(raw)
		case "events":
			b.events = raw
		case "ended":
			b.ended = string(raw) == "true"
		case "reset":
			if string(raw) != "null" {
				b.reset = raw
			}
		}
	}
}

// greetedByPoll says hello on the server's behalf: from the cursor that was sent
// or, without one, from before the first event.
func (r *reader) greetedByPoll(b *batch) {
	from := r.cursor
	if from == none || b.reset != nil {
		from = b.next
		for event := range elements(b.events) {
			from = eventSeq(event) - 1
			break
		}
	}
	if r.cursor == none {
		r.cursor = from
	}
	s := history.Seen{Kind: history.Hello, Seq: from, Epoch: b.epoch}
	r.saw(s)
	r.greeted(&s, b.head)
}

func (r *reader) polled(event []byte) {
	var kind, seq string
	for key, raw := range fields(event) {
		switch string(key) {
		case "seq":
			seq = string(raw)
		case "type":
			kind = text(raw)
		case "data":
			r.heard(kind, seq, raw)
			return
		}
	}
}

func eventSeq(event []byte) int64 {
	for key, raw := range fields(event) {
		if string(key) == "seq" {
			return number(raw)
		}
	}
	return 0
}

// readHead asks a place where the log of a blog ends.
func readHead(ctx context.Context, a *api, blog string) (h logHead, ok bool) {
	answer := a.ask(ctx, request{method: http.MethodGet, path: "/api/v1/blogs/" + blog + "/posts?limit=1"})
	for key, raw := range fields(answer.body) {
		switch string(key) {
		case "epoch":
			h.Epoch = text(raw)
		case "last_seq":
			h.LastSeq, ok = number(raw), answer.status == http.StatusOK
		case "chain":
			h.Chain = text(raw)
		}
	}
	return h, ok
}
