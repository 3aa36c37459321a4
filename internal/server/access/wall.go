// Package access is the wall between requests and handlers: it finds out whose a request is,
// which blog it is about, and asks the policy. Its Mount is the only way to register a route.
package access

import (
	"context"
	"net/http"
	"strings"

	"dateline/internal/auth"
	"dateline/internal/liveblog"
	"dateline/internal/server/problem"

	"github.com/gin-gonic/gin"
)

// Route is a line of the access table: which action the policy is asked about for a route.
type Route struct {
	Method string
	Path   string // with parameters in braces
	Action auth.Action
}

// Options say what a route is about, so that the policy is asked about that, and which limits
// it has.
type Options uint

const (
	// OnBlog is a route about the blog with the {slug} of the path. Handlers find it with BlogOf.
	OnBlog Options = 1 << iota
	// OnRecentBlog is OnBlog for what all readers request again and again: the blog may be a
	// second old.
	OnRecentBlog
	// OnQueryBlog is a route about the blog that the query's parameter blog names, if it does.
	OnQueryBlog
	// OnMedia is a route about the image with the {id} of the path.
	OnMedia
	// Unlimited is a route that is answered from memory or has limits of its own: the rates of
	// addresses and clients leave it alone.
	Unlimited
)

// Handler serves one route.
type Handler interface {
	// Bind makes the endpoint for the route that the handler is mounted at. It is called once.
	Bind(Route) Endpoint
}

// Endpoint serves the requests that the policy lets through. It is a Handler that does not
// care where it is mounted.
type Endpoint struct {
	// Serve answers a request. An error that it returns is answered by Fail.
	Serve func(*gin.Context) error
	// Fail answers with an error, in the form of the route's kind; nil is a problem document.
	Fail func(*gin.Context, error)
	// Deny answers a request that the policy refuses; nil is Fail.
	Deny func(*gin.Context, error)
	// Reads is set when every request reads the database, which an anonymous one pays for.
	Reads bool
}

// Bind implements Handler.
func (e Endpoint) Bind(Route) Endpoint { return e }

// Wall mounts handlers on a router and keeps the access table.
type Wall struct {
	router gin.IRoutes
	blogs  *Blogs
	media  MediaStore
	reads  *Reads

	routes  []Route
	heads   []func()           // mount the routes of HEAD
	mounted map[string]mounted // by the router's pattern
}

type mounted struct {
	endpoint Endpoint
	options  Options
}

// NewWall makes a wall without routes.
func NewWall(router gin.IRoutes, blogs *Blogs, media MediaStore, reads *Reads) *Wall {
	return &Wall{router: router, blogs: blogs, media: media, reads: reads, mounted: map[string]mounted{}}
}

// Mount registers a handler for a method and a path, behind the policy's answer for action.
// Nothing of a request but its head is read before the policy allows it.
func (w *Wall) Mount(method, path string, action auth.Action, h Handler, options Options) {
	route := Route{method, path, action}
	e := h.Bind(route)
	if e.Fail == nil {
		e.Fail = problem.Fail
	}
	if e.Deny == nil {
		e.Deny = e.Fail
	}
	serve := func(c *gin.Context) {
		ctx, err := w.authorize(c, action, e.Reads, options)
		if err != nil {
			e.Deny(c, err)
			c.Abort()
			return
		}
		c.Request = c.Request.WithContext(ctx)
		if err := e.Serve(c); err != nil {
			e.Fail(c, err)
		}
	}
	pattern := strings.NewReplacer("{", ":", "}", "").Replace(path)
	w.mounted[pattern] = mounted{e, options}
	w.register(route, pattern, serve)
	if method == http.MethodGet {
		w.heads = append(w.heads, func() { w.register(Route{http.MethodHead, path, action}, pattern, serve) })
	}
}

// MountHEAD answers HEAD wherever GET is answered, by the same handler behind the same policy;
// net/http leaves the body out. It is called once, after all routes are mounted, so that Allow
// names HEAD last.
func (w *Wall) MountHEAD() {
	for _, mount := range w.heads {
		mount()
	}
}

func (w *Wall) register(route Route, pattern string, serve gin.HandlerFunc) {
	w.routes = append(w.routes, route)
	w.router.Handle(route.Method, pattern, serve)
}

// Routes returns the access table.
func (w *Wall) Routes() []Route { return w.routes }

// Unlimited reports whether the route with a pattern of the router is mounted as Unlimited.
func (w *Wall) Unlimited(pattern string) bool { return w.mounted[pattern].options&Unlimited != 0 }

// Fail answers a request with an error in the form of its route's kind.
func (w *Wall) Fail(c *gin.Context, err error) {
	if m, known := w.mounted[c.FullPath()]; known {
		m.endpoint.Fail(c, err)
		return
	}
	problem.Fail(c, err)
}

// authorize asks the policy and returns the context of the request with its blog, if it is
// about one. A blog that the principal may not know of is not found, whatever the action.
func (w *Wall) authorize(c *gin.Context, action auth.Action, reads bool, o Options) (context.Context, error) {
	ctx := c.Request.Context()
	if reads && o&OnRecentBlog == 0 {
		if err := w.reads.Allow(ctx); err != nil {
			return ctx, err
		}
	}
	var slug string
	switch {
	case o&(OnBlog|OnRecentBlog) != 0:
		slug = c.Param("slug")
	case o&OnQueryBlog != 0:
		slug = c.Query("blog")
	}
	ctx, err := w.allow(ctx, action, slug, o)
	if o&OnMedia != 0 {
		err = w.authorizeMedia(ctx, action, c.Param("id"), err)
	}
	return ctx, err
}

func (w *Wall) allow(ctx context.Context, action auth.Action, slug string, o Options) (context.Context, error) {
	if err := badCookie(ctx); err != nil && action != auth.ReadPublic {
		return ctx, err
	}
	p := liveblog.PrincipalOf(ctx)
	if slug == "" {
		return ctx, auth.Allow(p, action, nil, liveblog.RoleNone)
	}
	scope, err := w.blogs.Visible(ctx, slug, o&OnRecentBlog != 0)
	if err != nil {
		return ctx, err
	}
	if err := auth.Allow(p, action, &scope.Blog.ID, scope.Member); err != nil {
		return ctx, err
	}
	return withBlog(ctx, scope), nil
}
