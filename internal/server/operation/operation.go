// Package operation makes typed functions into handlers of JSON operations: huma behind the
// wall, strict JSON, problems, and the OpenAPI document.
package operation

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"

	"dateline/internal/auth"
	"dateline/internal/server/access"
	"dateline/internal/server/problem"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"
)

// BlogPath is embedded in the input of every operation on one blog. Like all that inputs embed
// it is exported: huma skips what is not.
type BlogPath struct {
	Slug string `path:"slug" minLength:"3" maxLength:"64" doc:"The blog's slug" example:"cup-final"`
}

// None is the output of operations that answer without a body.
type None struct{}

// operation is the handler of one operation.
type operation[I, O any] struct {
	document *Document
	op       huma.Operation
	handle   func(context.Context, *I) (*O, error)
}

// New makes the handler of an operation that d describes. The wall sets its method and path;
// the rest of op is for the document and for the limits of the body.
func New[I, O any](d *Document, op huma.Operation, handle func(context.Context, *I) (*O, error)) access.Handler {
	mustFill(reflect.TypeFor[I]())
	return operation[I, O]{d, op, handle}
}

// Bind implements access.Handler.
func (o operation[I, O]) Bind(route access.Route) access.Endpoint {
	op := o.op
	op.Method, op.Path = route.Method, route.Path
	if route.Action != auth.ReadPublic {
		op.Security = []map[string][]string{{"session": {}}, {"token": {}}}
	}
	huma.Register(o.document.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := o.handle(ctx, in)
		if err != nil {
			return nil, o.document.failure(ctx, err)
		}
		return out, nil
	})
	return access.Endpoint{Serve: o.document.adapter.registered, Deny: deny, Reads: true}
}

// adapter takes from huma what it would register at a router.
type adapter struct {
	http.Handler
	registered func(*gin.Context) error // the latest
}

// Handle implements huma.Adapter.
func (a *adapter) Handle(op *huma.Operation, serve func(huma.Context)) {
	a.registered = func(c *gin.Context) error {
		serve(humagin.NewContext(op, c))
		return nil
	}
}

// deny answers with the problem that err is. The body of the request was not read, so the
// connection cannot be used again.
func deny(c *gin.Context, err error) {
	p := problem.Of(c.Request.Context(), err)
	if wait, helps := p.RetryAfter(); helps {
		c.Header("Retry-After", wait)
	}
	if c.GetHeader("Content-Length") != "" || c.GetHeader("Transfer-Encoding") != "" {
		c.Header("Connection", "close")
	}
	c.Header("Content-Type", p.ContentType(""))
	c.Status(p.Status)
	_ = json.NewEncoder(c.Writer).Encode(p) // the client is gone if this fails
}

// failure makes an error of a handler one for huma, with Retry-After where waiting helps.
func (d *Document) failure(ctx context.Context, err error) error {
	p := problem.Of(ctx, err)
	d.complete(ctx, p, err)
	if wait, helps := p.RetryAfter(); helps {
		return huma.ErrorWithHeaders(p, http.Header{"Retry-After": {wait}})
	}
	return p
}

// mustFill panics when huma would leave a part of an input empty.
func mustFill(input reflect.Type) {
	for i := range input.NumField() {
		switch f := input.Field(i); {
		case f.Anonymous && !f.IsExported():
			panic(fmt.Sprintf("%s embeds %s, which huma skips: export it", input, f.Type))
		case f.Anonymous:
			mustFill(f.Type)
		}
	}
}
