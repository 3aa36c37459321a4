// Package access is the wall between requests and handlers: it finds out whose a request is,
// which blog it is about, and asks the policy. Its Mount is the only way to register a route.
package access

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"dateline/internal/auth"
	"dateline/internal/liveblog"
	"dateline/internal/server/cache"
	"dateline/internal/server/problem"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
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

// BlogStore finds blogs and the roles of users on them.
type BlogStore interface {
	// Blog finds a blog by its slug, or ErrNotFound.
	Blog(ctx context.Context, slug string) (*liveblog.Blog, error)
	// MemberRole is a user's role on one blog; RoleNone for non-members.
	MemberRole(ctx context.Context, blogID, userID uuid.UUID) (liveblog.Role, error)
}

// maxRecentBlogs is how many blogs are kept.
const maxRecentBlogs = 4096

// Blogs finds the blogs that requests are about.
type Blogs struct {
	store  BlogStore
	recent *cache.Stale[*liveblog.Blog]
	reads  *Reads
}

// NewBlogs makes Blogs without any kept.
func NewBlogs(store BlogStore, reads *Reads) *Blogs {
	one := func(*liveblog.Blog) int { return 1 }
	return &Blogs{store: store, recent: cache.NewStale(maxRecentBlogs, one, cache.Knowledge[*liveblog.Blog]{}), reads: reads}
}

// Created makes a new blog found at once.
func (b *Blogs) Created(slug string) { b.reads.Created(BlogKey(slug)) }

// BlogKey is what a blog's absence is kept by.
func BlogKey(slug string) string { return "blog " + slug }

// Visible finds a blog and the principal's role on it. A draft is not found for a principal
// that may not read drafts. With recent, the blog may be a second old, and older while the
// database is away; callers must not change it.
func (b *Blogs) Visible(ctx context.Context, slug string, recent bool) (Scope, error) {
	find := b.read
	if recent {
		find = b.recentBlog
	}
	blog, err := find(ctx, slug)
	if err != nil {
		return Scope{}, err
	}
	p := liveblog.PrincipalOf(ctx)
	if err := badCookie(ctx); (errors.Is(err, liveblog.ErrUnavailable) || errors.Is(err, liveblog.ErrTooMany)) && !blog.Public() {
		return Scope{}, err // the client may be an editor: "not found" would end its stream for good
	}
	member := liveblog.RoleNone
	if p.User != nil {
		if member, err = b.store.MemberRole(ctx, blog.ID, p.User.ID); err != nil {
			return Scope{}, err
		}
	}
	if !blog.Public() && auth.Allow(p, auth.ReadUnpublished, &blog.ID, member) != nil {
		return Scope{}, liveblog.Errorf(liveblog.ErrNotFound, "blog_not_found", "there is no blog %q", blog.Slug)
	}
	return Scope{blog, member}, nil
}

func (b *Blogs) recentBlog(ctx context.Context, slug string) (*liveblog.Blog, error) {
	return b.recent.Get(slug, func() (*liveblog.Blog, error) {
		return ReadOnce(context.WithoutCancel(ctx), b.reads, BlogKey(slug), func(ctx context.Context) (*liveblog.Blog, error) {
			return b.read(ctx, slug)
		})
	})
}

// read asks the database, unless no blog can have the slug.
func (b *Blogs) read(ctx context.Context, slug string) (*liveblog.Blog, error) {
	if !liveblog.ValidSlug(slug) {
		return nil, liveblog.Errorf(liveblog.ErrNotFound, "blog_not_found", "there is no such blog")
	}
	return b.store.Blog(ctx, slug)
}

// Scope is the blog that a request is about, and the role of its principal on that blog.
type Scope struct {
	Blog   *liveblog.Blog
	Member liveblog.Role
}

type blogKey struct{}

func withBlog(ctx context.Context, s Scope) context.Context {
	return context.WithValue(ctx, blogKey{}, s)
}

// BlogOf returns the blog that the wall found for this request. It panics on routes that are
// not mounted with OnBlog, OnRecentBlog or OnQueryBlog.
func BlogOf(ctx context.Context) Scope { return ctx.Value(blogKey{}).(Scope) }

// Allow asks the policy about a further action on the blog of the request.
func Allow(ctx context.Context, action auth.Action) error {
	scope := BlogOf(ctx)
	return auth.Allow(liveblog.PrincipalOf(ctx), action, &scope.Blog.ID, scope.Member)
}

// May reports whether Allow returns nil.
func May(ctx context.Context, action auth.Action) bool { return Allow(ctx, action) == nil }
