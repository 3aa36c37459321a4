package operation

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"sync"

	"dateline/internal/server/access"
	"dateline/internal/server/problem"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
)

// Document is the OpenAPI document, and what all its operations share.
type Document struct {
	api      huma.API
	adapter  *adapter
	complete func(ctx context.Context, p *problem.Problem, err error)
}

// setGlobals sets what huma keeps for the whole process.
var setGlobals = sync.OnceFunc(func() {
	// Otherwise {"role": ..., "ROLE": ...} would have its first role checked and its second used.
	huma.ValidateStrictCasing = true
	huma.NewErrorWithContext = problem.FromHuma
	// The OpenAPI document describes errors by what this returns.
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
		return problem.FromHuma(nil, status, msg, errs...)
	}
})

// NewDocument makes the document of a version of the product. complete adds to the problem of a
// failed operation what only the API can show.
func NewDocument(version string, complete func(ctx context.Context, p *problem.Problem, err error)) *Document {
	setGlobals()
	config := huma.DefaultConfig("Dateline", version)
	config.DocsPath, config.SchemasPath, config.OpenAPIPath = "", "", ""
	config.CreateHooks = nil
	config.Formats = map[string]huma.Format{"application/json": jsonFormat(), "json": jsonFormat()}
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token":   {Type: "http", Scheme: "bearer", Description: "An API token, dl_..., or an access token"},
		"session": {Type: "apiKey", In: "cookie", Name: "dateline_access"},
	}
	a := &adapter{}
	return &Document{api: huma.NewAPI(config, a), adapter: a, complete: complete}
}

// Describe adds an operation that is not made by New.
func (d *Document) Describe(op *huma.Operation) { d.api.OpenAPI().AddOperation(op) }

// Schema returns the schema of T under a name, for operations that read their body themselves.
func Schema[T any](d *Document, name string) *huma.Schema {
	return d.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, name)
}

// JSON writes the document in a version of OpenAPI: 3.1, or 3.0 for tools that know no other.
func (d *Document) JSON(version string) ([]byte, error) {
	switch version {
	case "3.0":
		return d.api.OpenAPI().Downgrade()
	case "3.1":
		return json.Marshal(d.api.OpenAPI())
	default:
		return nil, fmt.Errorf("there is no document of OpenAPI %q", version)
	}
}

// YAML is JSON's document in YAML.
func (d *Document) YAML(version string) ([]byte, error) {
	if version == "3.0" {
		return d.api.OpenAPI().DowngradeYAML()
	}
	return d.api.OpenAPI().YAML()
}

// Serve makes the handler that answers with the document, as write makes it, once.
func (d *Document) Serve(contentType string, write func(version string) ([]byte, error), version string) access.Handler {
	document := sync.OnceValues(func() ([]byte, error) { return write(version) })
	return access.Endpoint{Serve: func(c *gin.Context) error {
		body, err := document()
		if err != nil {
			return err
		}
		c.Header("Content-Type", contentType)
		_, _ = c.Writer.Write(body) // the client is gone if this fails
		return nil
	}}
}

// OpenAPI returns the document as huma keeps it.
func (d *Document) OpenAPI() *huma.OpenAPI { return d.api.OpenAPI() }
