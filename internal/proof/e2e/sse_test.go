package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"dateline/internal/proof/eventsource"
)

// sseEvent is one dispatched event of a stream, as a reader's log keeps it.
type sseEvent struct {
	id    string // the last event id at the dispatch
	hasID bool   // this event brought it
	name  string // "message" unless the stream says otherwise
	data  string
	retry int // the last reconnection time told so far, in milliseconds
	at    time.Time
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
	source := &eventsource.Client{URL: node + "/api/v1/blogs/" + r.slug + "/stream?" + r.query.Encode(), HTTP: r.client, LastID: r.lastID}
	stream, err := source.Open(ctx)
	if err != nil {
		return fmt.Errorf("follow %s: %w", r.slug, err)
	}
	defer stream.Close()
	r.connects++
	for {
		e, err := stream.Next()
		r.lastID = source.LastID
		if errors.Is(err, io.EOF) {
			return errEnded
		}
		if err != nil {
			return err
		}
		seen := sseEvent{id: e.ID, hasID: e.HasID, name: e.Name, data: string(e.Data), retry: e.Retry, at: time.Now()}
		r.log = append(r.log, seen)
		if on(seen) {
			return nil
		}
	}
}
