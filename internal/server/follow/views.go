package follow

import (
	"context"
	"net/http"
	"regexp"
	"strings"

	"dateline/internal/liveblog"
	"dateline/internal/server/access"
	"dateline/internal/server/operation"
	"dateline/internal/server/problem"
	"dateline/internal/views"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
)

const (
	// maxBeacon is the size of a view beacon, in bytes.
	maxBeacon = 4 << 10
	// maxViewed is how many posts one beacon may report.
	maxViewed = 50
)

// Views takes the beacons that report views. They are JSON whatever a browser calls them: a page
// that is being closed can send nothing but text.
func (f *Follow) Views() access.Handler {
	schema := operation.Schema[beaconBody](f.doc, "BeaconBody")
	return operation.New(f.doc, huma.Operation{
		OperationID: "report-views", Tags: []string{"Stream"},
		Summary: "Report posts that were seen", DefaultStatus: http.StatusNoContent, MaxBodyBytes: maxBeacon,
		Description:      "JSON, which is also taken as text/plain. It is answered the same whether it counts or not.",
		SkipValidateBody: true, // readBeacon does it
		RequestBody:      &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}},
	}, f.reportViews)
}

type viewsInput struct {
	operation.BlogPath
	UserAgent string `header:"User-Agent" hidden:"true"`
	RawBody   []byte `contentType:"application/json"`
}

type beaconBody struct {
	Token string      `json:"token" doc:"From hello, or from a poll with token=1"`
	Posts []uuid.UUID `json:"posts" maxItems:"50"`
}

// reportViews takes beacons, which browsers send as text/plain. The answer is the same whether they
// count or not. Only pages that follow the blog count: they got their token from a stream or a
// poll.
func (f *Follow) reportViews(ctx context.Context, in *viewsInput) (*operation.None, error) {
	token, posts, err := readBeacon(in.RawBody)
	if err != nil {
		return nil, err
	}
	blogID := access.BlogOf(ctx).Blog.ID
	if !robot(in.UserAgent) && f.auth.ViewTokens().Valid(token, blogID) {
		f.views.Add(views.Beacon{BlogID: blogID, Token: token, Address: liveblog.Network(liveblog.ActorOf(ctx).Address), Posts: posts})
	}
	return &operation.None{}, nil
}

func readBeacon(body []byte) (token string, posts []uuid.UUID, err error) {
	var beacon beaconBody
	if err := operation.Decode(body, &beacon); err != nil {
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

// robot reports whether a user agent is that of a program, not of a reader.
func robot(agent string) bool {
	agent = strings.ToLower(agent)
	for _, word := range robotWords {
		if strings.Contains(agent, word) {
			return true
		}
	}
	return agent == ""
}
