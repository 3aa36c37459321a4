// Package follow serves what readers and programs follow a blog by: the stream, the long poll,
// the beacons that report views, and the counts.
package follow

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

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

// lastIDNames are the query's names for the last event id. Polyfills of EventSource and clients
// of Mercure, which cannot send a header, use them; lastEventID is the spelling of Mercure.
var lastIDNames = []string{"lastEventId", "lastEventID", "last-event-id", "Last-Event-ID"}

// placeNames are all parameters of the query that say where a stream resumes.
var placeNames = append([]string{"after", "epoch", "chain", "ids"}, lastIDNames...)

// cursorPattern is a number or a receipt.
var cursorPattern = regexp.MustCompile(`^([0-9]{1,18})(?:\.([0-9a-f]{16}))?$`)

// position reads where a client wants to resume. Its last event id, from the header that the
// browser sends when it reconnects or from the query, wins over after, which is that of the first
// connect. A request with several different places is invalid: the first one could skip events.
//
// A receipt proves itself. A number belongs to the epoch in the URL, as after does; the chain
// there is that of the event after, and says nothing about another one.
func position(r *http.Request) (stream.Position, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if refused := checkNames(query); refused != nil {
		return stream.Position{}, refused
	}
	// In a query that cannot be parsed, the lost part may be the place.
	p := startingPoint(query, query.Has("after") || err != nil)
	receipts := p.Receipts
	if id := lastID(r.Header, query); id != "" {
		p = newer(p, cursor(id, true))
	}
	p.Receipts = p.Receipts || receipts || query.Get("ids") == "receipt"
	return p, nil
}

// startingPoint is what the URL says: after, and the history it belongs to.
func startingPoint(query url.Values, given bool) stream.Position {
	p := cursor(oneOf(query["after"]), given)
	p.Epoch = oneOf(query["epoch"])
	if chain := liveblog.Chain(oneOf(query["chain"])); chain != "" {
		p.Invalid = p.Invalid || p.Chain != "" && p.Chain != chain
		p.Chain = chain
	}
	return p
}

// newer is the place of a last event id on a stream that was first opened at another place.
func newer(first, id stream.Position) stream.Position {
	if id.Chain != "" {
		return id
	}
	id.Epoch = first.Epoch
	if first.HasAfter && id.HasAfter && first.After == id.After {
		id.Chain = first.Chain
	}
	return id
}

// lastID is the last event id that a request names.
func lastID(header http.Header, query url.Values) string {
	ids := []string{oneOf(header.Values("Last-Event-ID"))}
	for _, name := range lastIDNames {
		ids = append(ids, oneOf(query[name]))
	}
	return oneOf(slices.DeleteFunc(ids, func(id string) bool { return id == "" }))
}

// oneOf is the value that was given, however often. Different values make a list, as RFC 9110
// reads a repeated header, which is no cursor.
func oneOf(values []string) string {
	return strings.Join(slices.Compact(slices.Clone(values)), ", ")
}

func cursor(text string, given bool) (p stream.Position) {
	if !given {
		return p
	}
	found := cursorPattern.FindStringSubmatch(text)
	if p.Invalid = found == nil; p.Invalid {
		return p
	}
	p.After, _ = strconv.ParseInt(found[1], 10, 64) // 18 digits always fit
	p.HasAfter, p.Chain, p.Receipts = true, liveblog.Chain(found[2]), found[2] != ""
	return p
}

// checkNames refuses a parameter that looks like one of placeNames but is spelled another way: to
// ignore it would be a silent hole.
func checkNames(query url.Values) error {
	for name := range query {
		if !slices.Contains(placeNames, name) && slices.ContainsFunc(placeNames, func(known string) bool { return folded(known) == folded(name) }) {
			return &liveblog.Problem{Err: problem.ErrBadRequest, Code: "bad_parameter",
				Detail: strconv.Quote(name) + " is none of the parameters " + strings.Join(placeNames, ", ")}
		}
	}
	if ids := oneOf(query["ids"]); ids != "" && ids != "receipt" {
		return &liveblog.Problem{Err: problem.ErrBadRequest, Code: "bad_parameter", Detail: "ids is receipt, or left out for numbers"}
	}
	return nil
}

// folded is what two spellings of a name have in common: its letters.
func folded(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		case r >= 'a' && r <= 'z':
			return r
		default:
			return -1
		}
	}, name)
}

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
