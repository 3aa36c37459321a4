// Package server answers HTTP: the JSON API, the stream, the readers' pages,
// the editors' page, and the error table. It knows no SQL: each file declares
// the few methods of the store that it needs.
package server

import (
	"context"
	"io/fs"
	"net/http"
	"net/netip"
	"net/url"
	"sync"

	"dateline/internal/auth"
	"dateline/internal/liveblog"
	"dateline/internal/media"
	"dateline/internal/server/problem"
	"dateline/internal/stream"
	"dateline/internal/views"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"
)

// Options are the parts a Server is made of.
type Options struct {
	PublicURL      *url.URL       // how readers and editors reach this product
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed; none by default
	Version        string

	RatePerMinute int                         // requests to the API from one client; 0 is no limit
	AddressRate   int                         // requests a minute from one address, whoever it is; 0 is no limit
	AddressReads  int                         // database reads a minute for strangers of one address; 0 is no limit
	PageTokens    int                         // for pages that report views, to one address in a minute; 0 is no limit
	Ready         func(context.Context) error // nil when requests can be served

	Blogs  BlogStore
	Posts  PostStore
	Pages  PageStore
	Hub    *stream.Hub
	Views  *views.Batcher
	Counts CountStore

	Auth    *auth.Service
	Setup   SetupStore
	Users   UserStore
	Tokens  TokenStore
	Members MemberStore
	Media   MediaStore

	Observer Observer // of requests; nil is none
	// Outdated reports whether more is known of a blog than a page shows.
	Outdated func(liveblog.Head) bool
	// Superseded reports whether a page may hold what was corrected or removed since.
	Superseded func(liveblog.Head) bool

	Admin    fs.FS     // the built editors' page
	Renderer *Renderer // the same one that encodes for the stream
}

// Server holds the routes of the product.
type Server struct {
	options Options
	engine  *gin.Engine
	api     huma.API
	access  []access

	blogs       BlogStore
	posts       PostStore
	pages       PageStore
	render      *Renderer
	recentBlogs *recent[*liveblog.Blog]
	recentPages *recent[*renderedPage]
	rates       *rateLimiter
	addresses   *rateLimiter // of all requests
	reads       *rateLimiter // of what strangers make the database do
	absent      *absent
	proven      *proven
	hub         *stream.Hub
	views       *views.Batcher
	counts      CountStore
	pageTokens  *pageTokens

	adminPacked sync.Map // gzip by name

	auth        *auth.Service
	crossOrigin *http.CrossOriginProtection
	setup       SetupStore
	users       UserStore
	tokens      TokenStore
	members     MemberStore
	media       MediaStore
	images      *media.Processor
	imageCache  *imageCache
	conversions *conversions
}

// setGlobals sets what the frameworks keep for the whole process.
var setGlobals = sync.OnceFunc(func() {
	gin.SetMode(gin.ReleaseMode)
	// Or {"role": ..., "ROLE": ...} would have its first role checked and its second used.
	huma.ValidateStrictCasing = true
	huma.NewErrorWithContext = problem.FromHuma
	// The OpenAPI document describes errors by what this returns.
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
		return problem.FromHuma(nil, status, msg, errs...)
	}
})

// New makes a Server with all its routes. It starts no goroutine.
func New(o Options) (*Server, error) {
	setGlobals()
	s := &Server{
		options: o, blogs: o.Blogs, posts: o.Posts, recentBlogs: newRecentBlogs(), recentPages: newRecentPages(o.Outdated, o.Superseded),
		rates: newRateLimiter(o.RatePerMinute), addresses: newRateLimiter(o.AddressRate), reads: newRateLimiter(o.AddressReads),
		absent: newAbsent(), proven: newProven(), pages: o.Pages, render: o.Renderer,
		hub: o.Hub, views: o.Views, counts: o.Counts, pageTokens: newPageTokens(o.PageTokens),
		auth: o.Auth, setup: o.Setup, users: o.Users, tokens: o.Tokens, members: o.Members,
		media: o.Media, images: media.NewProcessor(), imageCache: newImageCache(), conversions: newConversions(),
	}
	if err := s.newEngine(); err != nil {
		return nil, err
	}
	s.newAPI()
	s.blogRoutes()
	s.postRoutes()
	s.streamRoutes()
	s.healthRoutes()
	s.setupRoutes()
	s.sessionRoutes()
	s.userRoutes()
	s.tokenRoutes()
	s.memberRoutes()
	s.mediaRoutes()
	s.previewRoutes()
	s.staticRoutes()
	s.pageRoutes()
	s.adminRoutes()
	s.headRoutes()
	return s, nil
}

// Handler is the whole product as one http.Handler.
func (s *Server) Handler() http.Handler { return s.engine }

func (s *Server) newEngine() error {
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
	crossOrigin, err := newCrossOrigin(s.options.PublicURL)
	if err != nil {
		return err
	}
	s.crossOrigin = crossOrigin
	s.engine.Use(identify, newProxyDetector(s.options.TrustedProxies).watch, s.observe, recovery, secure, limitRequest, s.limitAddress, s.authenticate, s.limitRate)
	return nil
}

func (s *Server) newAPI() {
	config := huma.DefaultConfig("Dateline", s.options.Version)
	config.DocsPath, config.SchemasPath = "", ""
	config.OpenAPIPath = "/api/v1/openapi"
	config.CreateHooks = nil
	config.Formats = map[string]huma.Format{"application/json": jsonFormat(), "json": jsonFormat()}
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token":   {Type: "http", Scheme: "bearer", Description: "An API token, dl_..., or an access token"},
		"session": {Type: "apiKey", In: "cookie", Name: "dateline_access"},
	}
	s.api = humagin.New(s.engine, config)
}
