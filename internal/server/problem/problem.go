// Package problem turns errors into answers: kinds of error into HTTP statuses, and errors
// into problem documents (RFC 9457) that hold nothing internal. It also keeps panics from
// ending the node.
package problem

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"dateline/internal/liveblog"

	"github.com/gin-gonic/gin"
)

// ErrBadRequest is the kind of a request that cannot be parsed, whatever it asks for.
var ErrBadRequest = errors.New("bad request")

// statuses is the only place where a kind of error becomes an HTTP status.
var statuses = []struct {
	kind   error
	status int
	code   string // unless the error has its own
}{
	{ErrBadRequest, http.StatusBadRequest, "bad_request"},
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

// statusClientGone is logged for a client that closed its connection before the answer.
// The number is the one that nginx logs.
const statusClientGone = 499

// RetryAfter is how long a client is asked to wait after 429 and 503, unless the error
// says how long.
const RetryAfter = 2 * time.Second

// Problem is the body of every error answer (RFC 9457). Code is stable; Detail is for people.
type Problem struct {
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

// problemItem is unexported so that the OpenAPI document can call it ProblemItem.
type problemItem struct {
	Location string `json:"location,omitempty" example:"body.title"`
	Message  string `json:"message"`
}

// Error makes a problem an error for huma.
func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// GetStatus returns the status to huma.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType returns the media type of RFC 9457 to huma.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// RetryAfter returns the value of Retry-After (RFC 9110, section 10.2.3) in whole seconds;
// helps is false for statuses after which waiting does not help.
func (p *Problem) RetryAfter() (seconds string, helps bool) {
	if p.Status != http.StatusTooManyRequests && p.Status != http.StatusServiceUnavailable {
		return "", false
	}
	wait := max(p.wait, RetryAfter)
	return strconv.Itoa(int(math.Ceil(wait.Seconds()))), true
}

// New makes a problem with the id of the request that ctx belongs to.
func New(ctx context.Context, status int, code, detail string) *Problem {
	return &Problem{
		Type: "/problems/" + code, Title: http.StatusText(status), Status: status,
		Code: code, Detail: detail, RequestID: liveblog.ActorOf(ctx).RequestID,
	}
}

// Internal is the problem for failures of the server's own: it says nothing about them.
func Internal(ctx context.Context) *Problem {
	return New(ctx, http.StatusInternalServerError, "internal", "something went wrong on our side")
}

// Of turns any error into what the client may see. An error of no known kind is logged
// with its full text and shown as "internal".
func Of(ctx context.Context, err error) *Problem {
	if ready, ok := errors.AsType[*Problem](err); ok {
		return ready
	}
	for _, s := range statuses {
		if errors.Is(err, s.kind) {
			return known(ctx, err, s.status, s.code)
		}
	}
	if !Panicked(err) {
		slog.ErrorContext(ctx, "request failed", "error", err.Error(), "request_id", liveblog.ActorOf(ctx).RequestID)
	}
	return Internal(ctx)
}

// known shows the texts of a liveblog.Problem, and only the kind of other errors.
func known(ctx context.Context, err error, status int, code string) *Problem {
	out := New(ctx, status, code, "")
	if p, ok := errors.AsType[*liveblog.Problem](err); ok {
		if p.Code != "" {
			out.Code, out.Type = p.Code, "/problems/"+p.Code
		}
		out.Detail, out.wait = p.Detail, p.RetryAfter
		for _, f := range p.Fields {
			out.Errors = append(out.Errors, problemItem(f))
		}
	}
	if _, ok := errors.AsType[*liveblog.StaleError](err); ok {
		out.Detail = "somebody else changed it meanwhile"
	}
	if status >= http.StatusInternalServerError {
		slog.WarnContext(ctx, "request not served", "error", err.Error(), "request_id", out.RequestID)
	}
	return out
}

// Write answers a request with a problem, which no cache may keep, and stops its handlers.
func Write(c *gin.Context, p *Problem) {
	if wait, helps := p.RetryAfter(); helps {
		c.Header("Retry-After", wait)
	}
	c.Header("Content-Type", p.ContentType(""))
	c.Header("Cache-Control", "no-store")
	c.AbortWithStatusJSON(p.Status, p)
}

// Fail answers a request with the problem that err is.
func Fail(c *gin.Context, err error) { Write(c, Of(c.Request.Context(), err)) }
