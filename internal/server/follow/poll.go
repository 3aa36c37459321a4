package follow

import (
	"context"
	"net/http"
	"time"

	"dateline/internal/auth"
	"dateline/internal/liveblog"
	"dateline/internal/server/access"
	"dateline/internal/server/operation"
	"dateline/internal/server/problem"
	"dateline/internal/stream"

	"github.com/danielgtaylor/huma/v2"
)

// pollLimit is how many events a long poll returns at most.
const pollLimit = 100

// Poll waits for events.
func (f *Follow) Poll() access.Handler {
	return operation.New(f.doc, huma.Operation{
		OperationID: "poll-events", Tags: []string{"Stream"}, Summary: "Wait for events",
		Description: "The events of the stream as JSON, for clients and networks that can't hold a stream: ask with after=next again and again.",
	}, f.pollEvents)
}

type pollInput struct {
	operation.BlogPath
	LastEventID string `header:"Last-Event-ID" doc:"The same as after, and wins over it"`
	LastID      string `query:"lastEventId" doc:"The same as the header Last-Event-ID; lastEventID, last-event-id and Last-Event-ID are accepted too"`
	After       string `query:"after" doc:"Only events after this one, a number or a receipt; without it, those from now on"`
	Epoch       string `query:"epoch" maxLength:"64" doc:"The history that after belongs to"`
	Chain       string `query:"chain" maxLength:"64" doc:"The chain of the event after: proves that all before it is the same"`
	Token       bool   `query:"token" doc:"1 asks for a token to report views with; the answer is not for caches"`
	Wait        int    `query:"wait" minimum:"0" maximum:"25" default:"0" doc:"Seconds to wait for an event when there is none"`

	place    stream.Position
	byHeader bool
	refused  error
}

type pollOutput struct {
	CacheControl string `header:"Cache-Control"`
	Vary         string `header:"Vary"`
	Body         *stream.Batch
}

// pollEvents answers from the ring.
func (f *Follow) pollEvents(ctx context.Context, in *pollInput) (*pollOutput, error) {
	if in.refused != nil {
		return nil, in.refused
	}
	blog := access.BlogOf(ctx).Blog
	req := stream.Request{BlogID: blog.ID, Position: in.place, Address: liveblog.ActorOf(ctx).Address}
	batch, err := f.hub.Poll(ctx, req, pollTimeout(blog, time.Duration(in.Wait)*time.Second), pollLimit)
	if err != nil {
		return nil, err
	}
	out := &pollOutput{CacheControl: pollCaching(ctx, batch), Vary: "Last-Event-ID", Body: batch}
	if in.byHeader {
		out.CacheControl = "no-store" // a cache without Vary would serve it to other clients
	}
	if in.Token {
		out.CacheControl = "no-store" // otherwise all pages that share the answer would count as one
		if !access.May(ctx, auth.ReadUnpublished) {
			batch.Token = f.pageToken(blog.ID, req.Address)
		}
	}
	return out, nil
}

// pollCaching is how long a cache may share a batch. The events after a given one change only by
// corrections, so that all readers who are behind cost one request. That there is no newer event
// is shared for a second, so that all readers at the end of the log who poll without waiting cost
// one request a second. Pages of an ended blog look once a minute.
func pollCaching(ctx context.Context, b *stream.Batch) string {
	switch {
	case !access.BlogOf(ctx).Blog.Public() || !liveblog.PrincipalOf(ctx).Anonymous() || b.Reset != nil:
		return "no-store"
	case len(b.Events) > 0:
		return "public, max-age=2"
	case b.Ended:
		return "public, max-age=30"
	default:
		return "public, max-age=1"
	}
}

// pollTimeout is how long a poll may wait: for a draft only as long as a stream would go on after
// its client may no longer see it.
func pollTimeout(blog *liveblog.Blog, wished time.Duration) time.Duration {
	if blog.Public() {
		return wished
	}
	return min(wished, recheck)
}

// Resolve reads the place of a poll as that of a stream.
func (in *pollInput) Resolve(hc huma.Context) []error {
	u := hc.URL()
	r := &http.Request{Header: http.Header{}, URL: &u}
	hc.EachHeader(r.Header.Add)
	in.place, in.refused = position(r)
	in.byHeader = r.Header.Get("Last-Event-ID") != ""
	if in.refused == nil && in.place.Invalid {
		in.refused = &liveblog.Problem{Err: problem.ErrBadRequest, Code: "bad_cursor",
			Detail: "after, or the last event id, must be one number of up to 18 digits or one receipt"}
	}
	return nil
}
