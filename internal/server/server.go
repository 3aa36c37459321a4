// Package server puts the product together behind HTTP: the order of the middleware, the table of
// all routes (routes.go), health, and the editors' files. What the routes do is in the
// packages below it.
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
	"dateline/internal/server/access"
	"dateline/internal/server/api"
	"dateline/internal/server/follow"
	"dateline/internal/server/middleware"
	"dateline/internal/server/operation"
	"dateline/internal/server/pages"
	"dateline/internal/stream"
	"dateline/internal/views"

	"github.com/gin-gonic/gin"
)

// BlogStore keeps blogs.
type BlogStore interface {
	access.BlogStore
	api.BlogStore
}

// MediaStore keeps images.
type MediaStore interface {
	api.MediaStore
	pages.ImageStore
}

// Options are the parts a Server is made of.
type Options struct {
	PublicURL      *url.URL       // how readers and editors reach this product
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed; none by default
	Version        string

	RatePerMinute int                         // requests to the API from one client; 0 is no limit
	AddressRate   int                         // requests a minute from one address, whichever clients share it; 0 is no limit
	AddressReads  int                         // database reads a minute for anonymous requests of one address; 0 is no limit
	PageTokens    int                         // tokens for pages that report views, to one address in a minute; 0 is no limit
	Ready         func(context.Context) error // nil when requests can be served

	Blogs  BlogStore
	Posts  api.PostStore
	Pages  pages.Store
	Hub    *stream.Hub
	Views  *views.Batcher
	Counts follow.CountStore

	Auth    *auth.Service
	Setup   api.SetupStore
	Users   api.UserStore
	Tokens  api.TokenStore
	Members api.MemberStore
	Media   MediaStore

	Observer middleware.Observer // of requests; nil is none
	// Outdated reports whether more is known of a blog than a page shows.
	Outdated func(liveblog.Head) bool
	// Superseded reports whether a page may contain what was corrected or removed since.
	Superseded func(liveblog.Head) bool

	Admin    fs.FS           // the built editors' page
	Renderer *pages.Renderer // the same one that encodes events for the stream
}

// Server answers all requests.
type Server struct {
	engine *gin.Engine
	wall   *access.Wall
	doc    *operation.Document
}

// setGlobals sets what Gin keeps for the whole process.
var setGlobals = sync.OnceFunc(func() { gin.SetMode(gin.ReleaseMode) })

// New makes a Server with all its routes. It starts no goroutine.
func New(o Options) (*Server, error) {
	return newServer(o, func(all []route) []route { return all })
}

// newServer makes a Server with the routes that choose returns.
func newServer(o Options, choose func([]route) []route) (*Server, error) {
	setGlobals()
	reads := access.NewReads(o.AddressReads)
	blogs := access.NewBlogs(o.Blogs, reads)
	who, err := access.NewAuthenticator(o.Auth, o.PublicURL, reads)
	if err != nil {
		return nil, err
	}
	engine, err := newEngine(o.TrustedProxies)
	if err != nil {
		return nil, err
	}
	wall := access.NewWall(engine, blogs, o.Media, reads)
	addresses := middleware.AddressLimit{
		Limiter: middleware.NewRateLimiter(o.AddressRate), Exempt: wall.Unlimited, Proven: who.Proven, Fail: wall.Fail,
	}
	engine.Use(
		middleware.RequestID, middleware.DetectProxies(o.TrustedProxies), middleware.Log(o.Observer), middleware.Recovery,
		middleware.SecurityHeaders, middleware.LimitRequest, addresses.Limit, who.Authenticate,
		middleware.LimitClients(middleware.NewRateLimiter(o.RatePerMinute), wall.Unlimited),
	)
	p := newParts(o, reads, blogs, who)
	for _, r := range choose(p.routes()) {
		wall.Mount(r.method, r.path, r.action, r.handler, r.options)
	}
	wall.MountHEAD()
	engine.NoRoute(p.site.NotFound)
	engine.NoMethod(middleware.WrongMethod)
	return &Server{engine, wall, p.doc}, nil
}

func newEngine(trusted []netip.Prefix) (*gin.Engine, error) {
	engine := gin.New()
	engine.RedirectTrailingSlash = false
	engine.HandleMethodNotAllowed = true
	engine.RemoteIPHeaders = []string{"X-Forwarded-For"}
	var proxies []string
	for _, p := range trusted {
		proxies = append(proxies, p.String())
	}
	return engine, engine.SetTrustedProxies(proxies)
}

// parts serve the routes; each has only what it needs.
type parts struct {
	doc     *operation.Document
	blogs   *api.Blogs
	posts   *api.Posts
	texts   *api.Texts
	media   *api.Media
	members *api.Members
	users   *api.Users
	tokens  *api.Tokens
	session *api.Session
	setup   *api.Setup
	follow  *follow.Follow
	site    *pages.Site
	images  *pages.Images
	admin   *adminFiles
	ready   func(context.Context) error
}

func newParts(o Options, reads *access.Reads, blogs *access.Blogs, who *access.Authenticator) *parts {
	doc := operation.NewDocument(o.Version, api.Complete)
	cookies := access.NewCookies(o.PublicURL)
	texts := api.NewTexts(doc, o.Media)
	site := pages.NewSite(pages.Options{
		PublicURL: o.PublicURL, Store: o.Pages, Renderer: o.Renderer, Reads: reads, Outdated: o.Outdated, Superseded: o.Superseded,
	})
	return &parts{
		doc:     doc,
		blogs:   api.NewBlogs(doc, o.Blogs, texts, blogs, site.BlogsChanged),
		posts:   api.NewPosts(doc, o.Posts, texts),
		texts:   texts,
		media:   api.NewMedia(doc, o.Media),
		members: api.NewMembers(doc, o.Members),
		users:   api.NewUsers(doc, o.Users, o.Auth),
		tokens:  api.NewTokens(doc, o.Tokens, o.Blogs),
		session: api.NewSession(doc, o.Auth, cookies),
		setup:   api.NewSetup(doc, o.Setup, o.Auth, cookies),
		follow: follow.New(follow.Options{
			Document: doc, Hub: o.Hub, Views: o.Views, Counts: o.Counts, Auth: o.Auth, Who: who, Blogs: blogs, PageTokens: o.PageTokens,
		}),
		site:   site,
		images: pages.NewImages(o.Media, reads),
		admin:  &adminFiles{files: o.Admin},
		ready:  o.Ready,
	}
}

// Handler is the whole product as one http.Handler.
func (s *Server) Handler() http.Handler { return s.engine }

// Document is the OpenAPI document of the API in a version: 3.1, or 3.0 for tools that know no
// other.
func (s *Server) Document(version string) ([]byte, error) { return s.doc.JSON(version) }
