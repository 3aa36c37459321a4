// Package server answers HTTP: the JSON API, the stream, the readers' pages,
// the editors' page, and the error table. It knows no SQL: each file declares
// the few methods of the store that it needs.
package server

import (
	"net/http"
	"net/netip"
	"net/url"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"
)

// Options are the parts a Server is made of.
type Options struct {
	PublicURL      *url.URL       // how readers and editors reach this product
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed; none by default
	Version        string

	Blogs BlogStore
	Posts PostStore
	Pages PageStore

	Renderer *Renderer // the same one that encodes for the stream
}

// Server holds the routes of the product.
type Server struct {
	options Options
	engine  *gin.Engine
	api     huma.API
	access  []access

	blogs BlogStore
	posts PostStore
	pages PageStore

	render *Renderer
}

// New makes a Server with all its routes. It starts no goroutine.
func New(o Options) (*Server, error) {
	s := &Server{options: o, blogs: o.Blogs, posts: o.Posts, pages: o.Pages, render: o.Renderer}
	if err := s.newEngine(); err != nil {
		return nil, err
	}
	s.newAPI()
	s.blogRoutes()
	s.postRoutes()
	s.staticRoutes()
	s.pageRoutes()
	return s, nil
}

// Handler is the whole product as one http.Handler.
func (s *Server) Handler() http.Handler { return s.engine }

func (s *Server) newEngine() error {
	gin.SetMode(gin.ReleaseMode)
	s.engine = gin.New()
	s.engine.RedirectTrailingSlash = false
	s.engine.HandleMethodNotAllowed = true
	var proxies []string
	for _, p := range s.options.TrustedProxies {
		proxies = append(proxies, p.String())
	}
	s.engine.RemoteIPHeaders = []string{"X-Forwarded-For"}
	if err := s.engine.SetTrustedProxies(proxies); err != nil {
		return err
	}
	s.engine.Use(identify, recovery, secure)
	return nil
}

func (s *Server) newAPI() {
	huma.NewErrorWithContext = newHumaError
	config := huma.DefaultConfig("Dateline", s.options.Version)
	config.DocsPath, config.SchemasPath = "", ""
	config.OpenAPIPath = "/api/v1/openapi"
	config.CreateHooks = nil
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token":   {Type: "http", Scheme: "bearer", Description: "An API token, dl_..., or an access token"},
		"session": {Type: "apiKey", In: "cookie", Name: "dateline_access"},
	}
	s.api = humagin.New(s.engine, config)
}
