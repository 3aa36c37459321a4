package liveblog

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// The kinds of error. Every error that an API client receives wraps one of them; the server
// maps each to one HTTP status.
var (
	ErrNotFound        = errors.New("not found")
	ErrInvalid         = errors.New("invalid")
	ErrConflict        = errors.New("conflict")
	ErrVersion         = errors.New("version is not current")
	ErrVersionMissing  = errors.New("version is required")
	ErrUnauthorized    = errors.New("not signed in")
	ErrForbidden       = errors.New("not allowed")
	ErrGone            = errors.New("gone")
	ErrTooLarge        = errors.New("too large")
	ErrMediaType       = errors.New("unsupported media type")
	ErrTooMany         = errors.New("too many requests")
	ErrUnavailable     = errors.New("unavailable")
	ErrUnknownOutcome  = errors.New("outcome unknown")
	ErrIdempotencyUsed = errors.New("idempotency key was used for another request")
)

// Problem is an error whose text may be sent to the client. Err is one of the kinds above;
// Code is a stable word for programs; Detail is for people.
type Problem struct {
	Err    error
	Code   string
	Detail string
	Fields []FieldError
	// RetryAfter is how long the client should wait before it tries again; 0 leaves that to
	// the server.
	RetryAfter time.Duration
}

// FieldError describes what is wrong with one field of a request.
type FieldError struct {
	Location string // "body.title"
	Message  string
}

// Error returns the kind, the detail and the fields on one line, for the log.
func (p *Problem) Error() string {
	parts := []string{p.Err.Error()}
	if p.Detail != "" {
		parts = append(parts, p.Detail)
	}
	for _, f := range p.Fields {
		parts = append(parts, f.Location+": "+f.Message)
	}
	return strings.Join(parts, ": ")
}

// Unwrap makes errors.Is find the kind.
func (p *Problem) Unwrap() error { return p.Err }

// Errorf returns a Problem of the given kind and code with a formatted detail. The detail is
// sent to clients: it must hold nothing internal.
func Errorf(kind error, code, format string, args ...any) error {
	return &Problem{Err: kind, Code: code, Detail: fmt.Sprintf(format, args...)}
}

// fieldErrors collects what a Validate method finds.
type fieldErrors []FieldError

func (f *fieldErrors) add(ok bool, location, format string, args ...any) {
	if !ok {
		*f = append(*f, FieldError{Location: location, Message: fmt.Sprintf(format, args...)})
	}
}

func (f fieldErrors) err() error {
	if len(f) == 0 {
		return nil
	}
	return &Problem{Err: ErrInvalid, Code: "invalid", Detail: "some fields are not valid", Fields: f}
}
