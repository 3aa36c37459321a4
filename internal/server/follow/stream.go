// Package follow serves what readers and programs follow a blog by: the stream, the long poll,
// the beacons that report views, and the counts.
package follow

import (
	"errors"
	"net/http"
	"net/url"

	"dateline/internal/auth"
	"dateline/internal/liveblog"
	"dateline/internal/server/access"
	"dateline/internal/server/operation"
	"dateline/internal/server/problem"
	"dateline/internal/stream"
	"dateline/internal/views"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
)

// Options are the parts of a Follow.
type Options struct {
	Document *operation.Document
	Hub      *stream.Hub
	Views    *views.Batcher
	Counts   CountStore
	Auth     *auth.Service
	Who      *access.Authenticator
	Blogs    *access.Blogs
	// PageTokens is how many tokens to report views with one address gets in a minute; 0 is no
	// limit.
	PageTokens int
}

// Follow serves the operations by which a blog is followed.
type Follow struct {
	doc    *operation.Document
	hub    *stream.Hub
	views  *views.Batcher
	counts CountStore
	auth   *auth.Service
	watch  watch
	tokens *pageTokens
}

// New makes a Follow.
func New(o Options) *Follow {
	return &Follow{
		doc: o.Document, hub: o.Hub, views: o.Views, counts: o.Counts, auth: o.Auth,
		watch: watch{o.Who, o.Blogs}, tokens: newPageTokens(o.PageTokens),
	}
}

// Stream is the stream of a blog's events.
func (f *Follow) Stream() access.Handler { return streamHandler{f} }

type streamHandler struct{ *Follow }

// Bind implements access.Handler.
func (h streamHandler) Bind(route access.Route) access.Endpoint {
	describeStream(h.doc, route)
	return access.Endpoint{Serve: h.stream, Deny: h.denyStream}
}

// stream hands a reader over to the hub. It reads nothing from the database for a public blog
// whose readers come often. A draft's stream is for principals that may read drafts, and ends
// within seconds when they may no longer.
func (f *Follow) stream(c *gin.Context) error {
	place, err := position(c.Request)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	blog := access.BlogOf(ctx).Blog
	req := stream.Request{BlogID: blog.ID, Position: place, Address: c.ClientIP(), Guarded: !blog.Public(), Poll: pollURL(blog.Slug)}
	if req.Desk = access.May(ctx, auth.ReadUnpublished); !req.Desk {
		req.Token = func() string { return f.pageToken(req.BlogID, req.Address) }
	}
	if c.Request.Method == http.MethodHead {
		stream.WriteHead(c.Writer)
		return nil
	}
	if req.Guarded {
		allowed, stop := f.watch.whileAllowed(c.Request, blog.Slug)
		defer stop()
		c.Request = c.Request.WithContext(allowed)
	}
	f.hub.Serve(c.Writer, c.Request, req)
	return nil
}

// denyStream answers a reader whose blog was not found. EventSource gives up for good on any
// status but 200, so a node that cannot look answers when to come back. A position that cannot
// be read is refused first.
func (f *Follow) denyStream(c *gin.Context, err error) {
	if _, bad := position(c.Request); bad != nil {
		err = bad
	}
	if errors.Is(err, liveblog.ErrUnavailable) || errors.Is(err, liveblog.ErrTooMany) {
		f.hub.Reject(c.Writer, pollURL(c.Param("slug")))
		return
	}
	problem.Fail(c, err)
}

// pollURL is the path where the events of a blog's stream can be polled.
func pollURL(slug string) string { return "/api/v1/blogs/" + url.PathEscape(slug) + "/events" }

// describeStream adds the stream to the OpenAPI document, which has no words for events: they are
// in its description.
func describeStream(doc *operation.Document, route access.Route) {
	text := &huma.Schema{Type: huma.TypeString}
	doc.Describe(&huma.Operation{
		OperationID: "stream", Method: route.Method, Path: route.Path, Tags: []string{"Stream"},
		Summary: "Follow a blog",
		Description: "Server-sent events: `hello`, `post`, `update`, `delete`, `blog` with sequential ids, `views` and `ping` without, " +
			"`reset` (read the blog anew, go on from its head), `end` and `bye`. Resume with Last-Event-ID, lastEventId or after; " +
			"an id is a number, or a receipt: the number and the event's chain.",
		Parameters: []*huma.Param{
			{Name: "slug", In: "path", Required: true, Schema: text},
			{Name: "after", In: "query", Schema: text, Description: "Go on after this event, a number or a receipt; the last event id wins"},
			{Name: "epoch", In: "query", Schema: text, Description: "The history that after belongs to"},
			{Name: "chain", In: "query", Schema: text, Description: "The chain of the event after: proves that all before it is the same"},
			{Name: "ids", In: "query", Schema: &huma.Schema{Type: huma.TypeString, Enum: []any{"receipt"}}, Description: "receipt makes ids of a number and the event's chain, for clients that keep nothing else"},
			{Name: "lastEventId", In: "query", Schema: text, Description: "The same as the header Last-Event-ID; lastEventID, last-event-id and Last-Event-ID are accepted too"},
			{Name: "Last-Event-ID", In: "header", Schema: text, Description: "The id of the last event that the client received, unchanged"},
		},
		Responses: map[string]*huma.Response{
			"200": {Description: "The stream", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: text}}},
			"204": {Description: "The blog has ended and you have all of it"},
			"404": {Description: "There is no such blog"},
		},
	})
}
