package problem

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// unreadableBody is what huma reports, as if the failure were the server's, when a body
// ends too early or its chunks are malformed.
const unreadableBody = "cannot read request body"

// FromHuma makes a problem of an error that huma finds itself: JSON that cannot be parsed,
// a missing field. It does not repeat rejected values, which may be passwords. ctx may be nil.
func FromHuma(ctx huma.Context, status int, msg string, errs ...error) huma.StatusError {
	std := context.Background()
	if ctx != nil {
		std = ctx.Context()
	}
	if msg == unreadableBody {
		status = http.StatusBadRequest
	}
	out := New(std, status, codeOf(status), msg)
	for _, err := range errs {
		if d, ok := errors.AsType[interface {
			error
			huma.ErrorDetailer
		}](err); ok {
			detail := d.ErrorDetail()
			out.Errors = append(out.Errors, problemItem{Location: detail.Location, Message: detail.Message})
		}
	}
	return out
}

func codeOf(status int) string {
	for _, s := range statuses {
		if s.status == status {
			return s.code
		}
	}
	return map[int]string{
		http.StatusNotAcceptable: "not_acceptable", http.StatusRequestTimeout: "request_timeout",
		http.StatusMethodNotAllowed: "method_not_allowed",
	}[status]
}
