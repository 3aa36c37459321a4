package server

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"dateline/internal/liveblog"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
)

// errBadRequest is a request that can't be understood, whatever its meaning.
var errBadRequest = errors.New("bad request")

// statuses is the only place where a kind of error becomes an HTTP status.
var statuses = []struct {
	kind   error
	status int
	code   string // unless the error brings its own
}{
	{errBadRequest, http.StatusBadRequest, "bad_request"},
	{liveblog.ErrNotFound, http.StatusNotFound, "not_found"},
	{liveblog.ErrInvalid, http.StatusUnprocessableEntity, "invalid"},
	{liveblog.ErrConflict, http.StatusConflict, "conflict"},
	{liveblog.ErrVersion, http.StatusPreconditionFailed, "version_not_current"},
	{liveblog.ErrVersionMissing, http.StatusPreconditionRequired, "if_match_required"},
	{liveblog.ErrUnauthorized, http.StatusUnauthorized, "not_signed_in"},
	{liveblog.ErrForbidden, http.StatusForbidden, "not_allowed"},
	{liveblog.ErrGone, http.StatusGone, "gone"},
	{liveblog.ErrTooLarge, http.StatusRequestEntityTooLarge, "too_large"},
	{liveblog.ErrMediaType, http.StatusUnsupportedMediaType, "unsupported_media_type"},
	{liveblog.ErrTooMany, http.StatusTooManyRequests, "too_many_requests"},
	{liveblog.ErrIdempotencyUsed, http.StatusUnprocessableEntity, "idempotency_key_reused"},
	{liveblog.ErrUnknownOutcome, http.StatusServiceUnavailable, "outcome_unknown"},
	{liveblog.ErrUnavailable, http.StatusServiceUnavailable, "unavailable"},
	{context.Canceled, statusClientGone, "client_gone"},
}

// statusClientGone is for the log: nobody is there to read the answer. The number
// is the one that nginx logs.
const statusClientGone = 499

// retryAfter is how long a client is asked to wait after 429 and 503, unless
// the error knows better.
const retryAfter = 2 * time.Second

// problem is the body of every error answer (RFC 9457). Code is stable; Detail is for people.
type problem struct {
	Type      string        `json:"type" format:"uri-reference" doc:"Names the kind of problem" example:"/problems/not_found"`
	Title     string        `json:"title" example:"Not Found"`
	Status    int           `json:"status" example:"404"`
	Code      string        `json:"code" doc:"Stable word for programs" example:"not_found"`
	Detail    string        `json:"detail,omitempty"`
	Errors    []problemItem `json:"errors,omitempty" doc:"What is wrong with which field"`
	RequestID string        `json:"request_id,omitempty"`
	Current   any           `json:"current,omitempty" doc:"With 412: what somebody else made of it meanwhile; with 409 token_made_before: the token"`

	wait time.Duration // for Retry-After
}

type problemItem struct {
	Location string `json:"location,omitempty" example:"body.title"`
	Message  string `json:"message"`
}

// Error makes a problem an error for huma.
func (p *problem) Error() string { return p.Code + ": " + p.Detail }

// GetStatus tells huma the status.
func (p *problem) GetStatus() int { return p.Status }

// ContentType tells huma the media type of RFC 9457.
func (p *problem) ContentType(string) string { return "application/problem+json" }

// retryAfter is the value of Retry-After in whole seconds, where waiting helps.
func (p *problem) retryAfter() (seconds string, helps bool) {
	if p.Status != http.StatusTooManyRequests && p.Status != http.StatusServiceUnavailable {
		return "", false
	}
	wait := max(p.wait, retryAfter)
	return strconv.Itoa(int(math.Ceil(wait.Seconds()))), true
}

func newProblem(ctx context.Context, status int, code, detail string) *problem {
	return &problem{
		Type: "/problems/" + code, Title: http.StatusText(status), Status: status,
		Code: code, Detail: detail, RequestID: requestID(ctx),
	}
}

// problemOf turns any error into what the client may see. An error of no known
// kind is logged whole and shown as "internal".
func problemOf(ctx context.Context, err error) *problem {
	var ready *problem
	if errors.As(err, &ready) {
		return ready
	}
	for _, s := range statuses {
		if errors.Is(err, s.kind) {
			return known(ctx, err, s.status, s.code)
		}
	}
	if !panicked(err) {
		slog.ErrorContext(ctx, "request failed", "error", err.Error(), "request_id", requestID(ctx))
	}
	return newProblem(ctx, http.StatusInternalServerError, "internal", "something went wrong on our side")
}

// known shows the texts of a liveblog.Problem, and of other errors only the kind.
func known(ctx context.Context, err error, status int, code string) *problem {
	out := newProblem(ctx, status, code, "")
	var p *liveblog.Problem
	if errors.As(err, &p) {
		if p.Code != "" {
			out.Code, out.Type = p.Code, "/problems/"+p.Code
		}
		out.Detail, out.wait = p.Detail, p.RetryAfter
		for _, f := range p.Fields {
			out.Errors = append(out.Errors, problemItem(f))
		}
	}
	var stale *liveblog.StaleError
	if errors.As(err, &stale) {
		out.Detail, out.Current = "somebody else changed it meanwhile", currentBody(ctx, stale.Current)
	}
	if status >= http.StatusInternalServerError {
		slog.WarnContext(ctx, "request not served", "error", err.Error(), "request_id", requestID(ctx))
	}
	return out
}

// currentBody shows what a change did not know of, as a read would.
func currentBody(ctx context.Context, current any) any {
	switch v := current.(type) {
	case *liveblog.Post:
		return newPostBody(ctx, v)
	case *liveblog.Blog:
		return newBlogBody(v)
	default:
		return nil
	}
}

// unreadableBody is what huma says, as an error of ours, when a body ends too
// early or in chunks that are none.
const unreadableBody = "cannot read request body"

// newHumaError is what huma calls for errors it finds itself: bad JSON, a
// missing field. Rejected values are not echoed: they may be passwords.
func newHumaError(ctx huma.Context, status int, msg string, errs ...error) huma.StatusError {
	std := context.Background()
	if ctx != nil {
		std = ctx.Context()
	}
	if msg == unreadableBody {
		status = http.StatusBadRequest
	}
	out := newProblem(std, status, humaCode(status), msg)
	for _, err := range errs {
		var d huma.ErrorDetailer
		if errors.As(err, &d) {
			detail := d.ErrorDetail()
			out.Errors = append(out.Errors, problemItem{Location: detail.Location, Message: detail.Message})
		}
	}
	return out
}

func humaCode(status int) string {
	for _, s := range statuses {
		if s.status == status {
			return s.code
		}
	}
	return map[int]string{
		http.StatusBadRequest: "bad_request", http.StatusNotAcceptable: "not_acceptable",
		http.StatusRequestTimeout: "request_timeout", http.StatusMethodNotAllowed: "method_not_allowed",
	}[status]
}

// handle adapts h to Gin: it returns an error, and this writes the answer.
func handle(h func(*gin.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := h(c); err != nil {
			writeProblem(c, problemOf(c.Request.Context(), err))
		}
	}
}

func writeProblem(c *gin.Context, p *problem) {
	if wait, helps := p.retryAfter(); helps {
		c.Header("Retry-After", wait)
	}
	c.Header("Content-Type", "application/problem+json")
	c.Header("Cache-Control", "no-store")
	c.AbortWithStatusJSON(p.Status, p)
}
