package server

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"time"

	"dateline/internal/auth"
	"dateline/internal/liveblog"
	"dateline/internal/server/problem"
	"dateline/internal/stream"
	"dateline/internal/views"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
)

const (
	// pollLimit is how many events a long poll brings at most.
	pollLimit = 100
	// maxBeacon bounds a view beacon, in bytes.
	maxBeacon = 4 << 10
	// maxViewed is how many posts one beacon may report.
	maxViewed = 50
)

// CountStore reads how often posts were viewed.
type CountStore interface {
	Counts(ctx context.Context, blogID uuid.UUID) (liveblog.Counts, error)
}

func (s *Server) streamRoutes() {
	s.engine.GET(streamRoute, handle(s.stream))
	s.access = append(s.access, access{http.MethodGet, "/api/v1/blogs/{slug}/stream", auth.ReadPublic})
	s.describeStream()
	register(s, huma.Operation{
		OperationID: "poll-events", Method: http.MethodGet, Path: "/api/v1/blogs/{slug}/events", Tags: []string{"Stream"},
		Summary:     "Wait for events",
		Description: "The events of the stream as JSON, for clients and networks that can't hold a stream: ask with after=next again and again.",
	}, auth.ReadPublic, s.pollEvents)
	register(s, s.reportViewsOperation(), auth.ReadPublic, s.reportViews)
	register(s, huma.Operation{
		OperationID: "get-stats", Method: http.MethodGet, Path: "/api/v1/blogs/{slug}/stats", Tags: []string{"Stream"},
		Summary: "Views of all posts, and readers now",
	}, auth.ReadUnpublished, s.getStats)
}

// describeStream adds the stream to the OpenAPI document, which can't say much
// of it: the events are in its description.
func (s *Server) describeStream() {
	text := &huma.Schema{Type: huma.TypeString}
	s.api.OpenAPI().AddOperation(&huma.Operation{
		OperationID: "stream", Method: http.MethodGet, Path: "/api/v1/blogs/{slug}/stream", Tags: []string{"Stream"},
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
			{Name: "lastEventId", In: "query", Schema: text, Description: "The same as the header Last-Event-ID; last-event-id and Last-Event-ID are taken too"},
			{Name: "Last-Event-ID", In: "header", Schema: text, Description: "The id of the last event that was seen, as it was told"},
		},
		Responses: map[string]*huma.Response{
			"200": {Description: "The stream", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: text}}},
			"204": {Description: "The blog has ended and you have all of it"},
			"404": {Description: "There is no such blog"},
		},
	})
}

// reportViewsOperation describes beacons, which are JSON whatever a browser calls
// them: a page can send nothing but text while it is closed.
func (s *Server) reportViewsOperation() huma.Operation {
	schema := s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[beaconBody](), true, "BeaconBody")
	return huma.Operation{
		OperationID: "report-views", Method: http.MethodPost, Path: "/api/v1/blogs/{slug}/views", Tags: []string{"Stream"},
		Summary: "Report posts that were seen", DefaultStatus: http.StatusNoContent, MaxBodyBytes: maxBeacon,
		Description:      "JSON, which is also taken as text/plain. It is answered the same whether it counts or not.",
		SkipValidateBody: true, // readBeacon does it
		RequestBody:      &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}},
	}
}

// stream hands a reader over to the hub. It asks the database nothing for a
// public blog whose readers come often. A draft's stream is for those who may
// read drafts, and ends within seconds when they may no longer.
func (s *Server) stream(c *gin.Context) error {
	ctx := c.Request.Context()
	place, err := position(c.Request)
	if err != nil {
		return err
	}
	blog, member, err := s.visibleBlog(ctx, c.Param("slug"), true)
	if errors.Is(err, liveblog.ErrUnavailable) || errors.Is(err, liveblog.ErrTooMany) {
		s.hub.Reject(c.Writer, pollURL(c.Param("slug")))
		return nil
	}
	if err != nil {
		return err
	}
	if !blog.Public() {
		allowed, stop := s.whileAllowed(c.Request, blog.Slug)
		defer stop()
		c.Request = c.Request.WithContext(allowed)
	}
	req := stream.Request{BlogID: blog.ID, Position: place, Address: c.ClientIP(), Guarded: !blog.Public(), Poll: pollURL(blog.Slug)}
	if req.Desk = auth.Allow(liveblog.PrincipalOf(ctx), auth.ReadUnpublished, &blog.ID, member) == nil; !req.Desk {
		req.Token = func() string { return s.pageToken(req.BlogID, req.Address) }
	}
	if c.Request.Method == http.MethodHead {
		stream.WriteHead(c.Writer)
		return nil
	}
	s.hub.Serve(c.Writer, c.Request, req)
	return nil
}

// pollURL is where the events of a blog's stream are to be had as long polls.
func pollURL(slug string) string { return "/api/v1/blogs/" + url.PathEscape(slug) + "/events" }

// recheck is how often a stream that not everybody may read asks again whether
// its reader still may, and askAgain when there was no answer. After unsure
// without one it ends: who can't be known may not read on.
const (
	recheck  = 3 * time.Second
	askAgain = 250 * time.Millisecond
	unsure   = 4500 * time.Millisecond
)

// whileAllowed gives a context that ends when the sender of r may no longer see
// the blog. stop ends the goroutine that asks.
func (s *Server) whileAllowed(r *http.Request, slug string) (allowed context.Context, stop func()) {
	allowed, cancel := context.WithCancel(r.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		giveUp := time.AfterFunc(unsure, cancel)
		defer giveUp.Stop()
		_, _ = problem.Guard("watch over a draft's reader", func() (struct{}, error) { // a panic ends the stream, not the node
			s.watch(r.WithContext(allowed), slug, giveUp)
			return struct{}{}, nil
		})
		cancel()
	}()
	return allowed, func() { cancel(); <-done }
}

// watch returns when the sender of r may no longer see the blog, or its context
// ends. It puts giveUp off with each answer that says that the sender may.
func (s *Server) watch(r *http.Request, slug string, giveUp *time.Timer) {
	next := time.NewTimer(recheck)
	defer next.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-next.C:
		}
		switch err := s.mayStill(r, slug); {
		case err == nil:
			giveUp.Reset(unsure)
			next.Reset(recheck)
		case errors.Is(err, liveblog.ErrUnavailable):
			next.Reset(askAgain)
		default:
			return
		}
	}
}

// mayStill asks whether the sender of r may see the blog.
func (s *Server) mayStill(r *http.Request, slug string) error {
	ctx, err := s.recognize(r)
	if err == nil {
		_, _, err = s.visibleBlog(ctx, slug, false)
	}
	return err
}

type pollInput struct {
	ReaderPath
	LastEventID string `header:"Last-Event-ID" doc:"The same as after, and wins over it"`
	LastID      string `query:"lastEventId" doc:"The same as the header Last-Event-ID; last-event-id and Last-Event-ID are taken too"`
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
func (s *Server) pollEvents(ctx context.Context, in *pollInput) (*pollOutput, error) {
	if in.refused != nil {
		return nil, in.refused
	}
	blog := blogOf(ctx).blog
	req := stream.Request{BlogID: blog.ID, Position: in.place, Address: liveblog.ActorOf(ctx).Address}
	batch, err := s.hub.Poll(ctx, req, patience(blog, time.Duration(in.Wait)*time.Second), pollLimit)
	if err != nil {
		return nil, err
	}
	out := &pollOutput{CacheControl: pollCaching(ctx, batch), Vary: "Last-Event-ID", Body: batch}
	if in.byHeader {
		out.CacheControl = "no-store" // a cache that knows no Vary would give it to others
	}
	if in.Token {
		out.CacheControl = "no-store" // or all who share the answer would be one page
		if !may(ctx, auth.ReadUnpublished) {
			batch.Token = s.pageToken(blog.ID, req.Address)
		}
	}
	return out, nil
}

// pollCaching says how long a cache may share a batch. What comes after an event
// never changes but by being corrected, so that many who are behind cost one
// request; that nothing has come yet is shared for a second, so that many who wait
// at the end of the log without holding a connection cost one a second. Pages of a
// blog that is over look once a minute.
func pollCaching(ctx context.Context, b *stream.Batch) string {
	switch {
	case !blogOf(ctx).blog.Public() || !liveblog.PrincipalOf(ctx).Anonymous() || b.Reset != nil:
		return "no-store"
	case len(b.Events) > 0:
		return "public, max-age=2"
	case b.Ended:
		return "public, max-age=30"
	default:
		return "public, max-age=1"
	}
}

// patience is how long a poll may wait: for a draft only as long as it takes to
// notice that the reader may see it no longer.
func patience(blog *liveblog.Blog, wished time.Duration) time.Duration {
	if blog.Public() {
		return wished
	}
	return min(wished, recheck)
}

type viewsInput struct {
	ReaderPath
	UserAgent string `header:"User-Agent" hidden:"true"`
	RawBody   []byte `contentType:"application/json"`
}

type beaconBody struct {
	Token string      `json:"token" doc:"From hello, or from a poll with token=1"`
	Posts []uuid.UUID `json:"posts" maxItems:"50"`
}

// reportViews takes beacons, which browsers send as text/plain. It answers the
// same whether they count or not. Only pages that follow the blog count: their token
// was told to them by a stream or a poll.
func (s *Server) reportViews(ctx context.Context, in *viewsInput) (*noOutput, error) {
	token, posts, err := readBeacon(in.RawBody)
	if err != nil {
		return nil, err
	}
	blogID := blogOf(ctx).blog.ID
	if !robot(in.UserAgent) && s.auth.ViewTokens().Valid(token, blogID) {
		s.views.Add(views.Beacon{BlogID: blogID, Token: token, Address: stream.Prefix(liveblog.ActorOf(ctx).Address), Posts: posts})
	}
	return &noOutput{}, nil
}

func readBeacon(body []byte) (token string, posts []uuid.UUID, err error) {
	var beacon beaconBody
	if err := decodeStrict(body, &beacon); err != nil {
		return "", nil, err
	}
	if !tokenPattern.MatchString(beacon.Token) || len(beacon.Posts) > maxViewed {
		return "", nil, &liveblog.Problem{Err: problem.ErrBadRequest, Code: "bad_beacon",
			Detail: "token must be 16 to 64 of A-Z, a-z, 0-9, _ and -, and posts at most 50 ids"}
	}
	return beacon.Token, beacon.Posts, nil
}

var (
	tokenPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{16,64}$`)
	robotWords   = []string{"bot", "crawl", "spider", "preview", "curl/", "wget/", "python-requests", "go-http-client"}
)

// robot reports whether a user agent says that nobody looks at the page.
func robot(agent string) bool {
	agent = strings.ToLower(agent)
	for _, word := range robotWords {
		if strings.Contains(agent, word) {
			return true
		}
	}
	return agent == ""
}

type statsOutput struct {
	Body struct {
		Readers int64               `json:"readers"`
		Posts   map[uuid.UUID]int64 `json:"posts" doc:"Views by post"`
	}
}

func (s *Server) getStats(ctx context.Context, _ *BlogPath) (*statsOutput, error) {
	counts, err := s.counts.Counts(ctx, blogOf(ctx).blog.ID)
	if err != nil {
		return nil, err
	}
	out := &statsOutput{}
	out.Body.Readers, out.Body.Posts = counts.Readers, counts.Posts
	return out, nil
}
