package access

import (
	"context"
	"errors"

	"dateline/internal/auth"
	"dateline/internal/liveblog"
	"dateline/internal/server/cache"

	"github.com/google/uuid"
)

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
