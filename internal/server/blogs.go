package server

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"dateline/internal/auth"
	"dateline/internal/liveblog"
	"dateline/internal/wire"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
)

// BlogStore keeps blogs.
type BlogStore interface {
	// Blog finds a blog by its slug, or ErrNotFound.
	Blog(ctx context.Context, slug string) (*liveblog.Blog, error)
	Blogs(ctx context.Context, q liveblog.BlogQuery) ([]liveblog.Blog, error)
	CreateBlog(ctx context.Context, a liveblog.Actor, key liveblog.IdempotencyKey, b liveblog.Blog) (*liveblog.Blog, bool, error)
	EditBlog(ctx context.Context, a liveblog.Actor, id uuid.UUID, version int64, patch liveblog.BlogPatch) (*liveblog.Blog, error)
	Pin(ctx context.Context, a liveblog.Actor, blogID uuid.UUID, postID *uuid.UUID) (*liveblog.Blog, error)
	// MemberRole is a user's role on one blog; RoleNone for non-members.
	MemberRole(ctx context.Context, blogID, userID uuid.UUID) (liveblog.Role, error)
}

// maxRecentBlogs bounds how many blogs are kept.
const maxRecentBlogs = 4096

func newRecentBlogs() *recent[*liveblog.Blog] {
	never := func(*liveblog.Blog) bool { return false }
	return newRecent(maxRecentBlogs, func(*liveblog.Blog) int { return 1 }, knows[*liveblog.Blog]{never, never})
}

// recentBlog gives a blog as it was within the last second; callers do not
// change it.
func (s *Server) recentBlog(ctx context.Context, slug string) (*liveblog.Blog, error) {
	return s.recentBlogs.get(slug, func() (*liveblog.Blog, error) {
		return forAnonymous(context.WithoutCancel(ctx), s, "blog "+slug, func(ctx context.Context) (*liveblog.Blog, error) {
			return s.readBlog(ctx, slug)
		})
	})
}

func (s *Server) blogRoutes() {
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: "/api/v1/blogs" + path, Summary: summary, Tags: []string{"Blogs"}}
	}
	register(s, op("list-blogs", http.MethodGet, "", "List blogs"), auth.ReadPublic, s.listBlogs)
	create := op("create-blog", http.MethodPost, "", "Create a blog")
	create.DefaultStatus = http.StatusCreated
	register(s, create, auth.CreateBlog, s.createBlog)
	register(s, op("get-blog", http.MethodGet, "/{slug}", "Read a blog"), auth.ReadPublic, s.getBlog)
	register(s, op("edit-blog", http.MethodPatch, "/{slug}", "Change a blog"), auth.EditBlog, s.editBlog)
	register(s, op("end-blog", http.MethodPost, "/{slug}/end", "End a blog"), auth.EditBlog, s.statusChange(liveblog.BlogEnded))
	register(s, op("reopen-blog", http.MethodPost, "/{slug}/reopen", "Reopen an ended blog, or open a draft"), auth.EditBlog, s.statusChange(liveblog.BlogLive))
	register(s, op("pin-post", http.MethodPut, "/{slug}/pinned", "Pin a post, or none"), auth.PublishPost, s.pinPost)
}

// blogBody is a blog in an answer.
type blogBody struct {
	wire.Blog
	Permissions []auth.Action `json:"permissions,omitempty" doc:"When one blog is read: what you may do on it"`
}

func newBlogBody(b *liveblog.Blog) blogBody { return blogBody{Blog: wire.NewBlog(b)} }

type blogOutput struct {
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Replayed string `header:"Idempotent-Replayed" doc:"true when an earlier request with this Idempotency-Key did it"`
	Body     blogBody
}

func newBlogOutput(b *liveblog.Blog) *blogOutput {
	return &blogOutput{ETag: etag(b.Version), Body: newBlogBody(b)}
}

type listBlogsInput struct {
	Limit  int                 `query:"limit" minimum:"1" maximum:"100" default:"20"`
	Cursor string              `query:"cursor" maxLength:"256"`
	Status liveblog.BlogStatus `query:"status" enum:"draft,live,ended"`
}

type blogsOutput struct {
	Link string `header:"Link"`
	Body struct {
		Items      []blogBody `json:"items" nullable:"false"`
		NextCursor string     `json:"next_cursor"`
	}
}

// blogCursor is where a list of blogs continues.
type blogCursor struct {
	Time time.Time `json:"t"`
	ID   uuid.UUID `json:"i"`
}

// listBlogs shows drafts and unlisted blogs to those who may read them: everybody
// who is signed in.
func (s *Server) listBlogs(ctx context.Context, in *listBlogsInput) (*blogsOutput, error) {
	var from blogCursor
	if err := decodeCursor(in.Cursor, &from); err != nil {
		return nil, err
	}
	p := liveblog.PrincipalOf(ctx)
	query := liveblog.BlogQuery{
		All:    auth.Allow(p, auth.ReadUnpublished, nil, liveblog.RoleNone) == nil,
		Status: in.Status, Limit: in.Limit + 1, BeforeTime: from.Time, BeforeID: from.ID,
	}
	blogs, err := s.blogs.Blogs(ctx, query)
	if err != nil {
		return nil, err
	}
	out := &blogsOutput{}
	if len(blogs) > in.Limit {
		blogs = blogs[:in.Limit]
		last := blogs[in.Limit-1]
		out.Body.NextCursor = encodeCursor(blogCursor{last.CreatedAt, last.ID})
		out.Link = in.next(out.Body.NextCursor)
	}
	out.Body.Items = make([]blogBody, len(blogs))
	for i := range blogs {
		out.Body.Items[i] = newBlogBody(&blogs[i])
	}
	return out, nil
}

func (in *listBlogsInput) next(cursor string) string {
	query := url.Values{"cursor": {cursor}, "limit": {strconv.Itoa(in.Limit)}}
	if in.Status != "" {
		query.Set("status", string(in.Status))
	}
	return nextLink("/api/v1/blogs", query)
}

// nextLink is the Link header that points to the next page (RFC 8288) of the
// same list.
func nextLink(path string, query url.Values) string {
	return "<" + path + "?" + query.Encode() + `>; rel="next"`
}

type createBlogInput struct {
	Idempotent
	Body createBlogBody
}

type createBlogBody struct {
	Slug     string              `json:"slug" example:"cup-final" doc:"3 to 64 of a-z, 0-9 and hyphens; part of the URL, for good"`
	Title    string              `json:"title" example:"The cup final"`
	Summary  string              `json:"summary,omitempty" doc:"Markdown"`
	Language string              `json:"language,omitempty" default:"en"`
	Status   liveblog.BlogStatus `json:"status,omitempty" enum:"draft,live" default:"live"`
	Unlisted bool                `json:"unlisted,omitempty" doc:"Leave it out of lists and search engines"`
}

func (s *Server) createBlog(ctx context.Context, in *createBlogInput) (*blogOutput, error) {
	blog := liveblog.Blog{
		Slug: in.Body.Slug, Title: strings.TrimSpace(in.Body.Title), Summary: in.Body.Summary,
		Language: in.Body.Language, Status: in.Body.Status, Unlisted: in.Body.Unlisted,
	}
	if err := blog.Validate(); err != nil {
		return nil, err
	}
	key, err := in.key("create-blog", in.Body)
	if err != nil {
		return nil, err
	}
	if blog.SummaryHTML, err = s.summary(ctx, blog.Summary); err != nil {
		return nil, err
	}
	created, replayed, err := s.blogs.CreateBlog(ctx, liveblog.ActorOf(ctx), key, blog)
	if err != nil {
		return nil, err
	}
	s.absent.appeared("blog " + created.Slug)
	s.recentPages.forget("/")
	out := newBlogOutput(created)
	out.Location, out.Replayed = "/api/v1/blogs/"+created.Slug, replayedHeader(replayed)
	return out, nil
}

func replayedHeader(replayed bool) string {
	if replayed {
		return "true"
	}
	return ""
}

func (s *Server) getBlog(ctx context.Context, _ *BlogPath) (*blogOutput, error) {
	scope := blogOf(ctx)
	out := newBlogOutput(scope.blog)
	if p := liveblog.PrincipalOf(ctx); !p.Anonymous() {
		out.Body.Permissions = auth.Permissions(p, &scope.blog.ID, scope.member)
	}
	return out, nil
}

type editBlogInput struct {
	BlogPath
	IfMatch string `header:"If-Match" doc:"The ETag that the change is based on"`
	Body    struct {
		Title    *string `json:"title,omitempty"`
		Summary  *string `json:"summary,omitempty" doc:"Markdown"`
		Language *string `json:"language,omitempty"`
		Unlisted *bool   `json:"unlisted,omitempty"`
	}
}

func (s *Server) editBlog(ctx context.Context, in *editBlogInput) (*blogOutput, error) {
	version, err := ifMatch(liveblog.PrincipalOf(ctx), in.IfMatch)
	if err != nil {
		return nil, err
	}
	patch := liveblog.BlogPatch{Title: in.Body.Title, Summary: in.Body.Summary, Language: in.Body.Language, Unlisted: in.Body.Unlisted}
	if in.Body.Summary != nil {
		html, err := s.summary(ctx, *in.Body.Summary)
		if err != nil {
			return nil, err
		}
		patch.SummaryHTML = &html
	}
	return s.patchBlog(ctx, version, patch)
}

func (s *Server) patchBlog(ctx context.Context, version int64, patch liveblog.BlogPatch) (*blogOutput, error) {
	blog, err := s.blogs.EditBlog(ctx, liveblog.ActorOf(ctx), blogOf(ctx).blog.ID, version, patch)
	if err != nil {
		return nil, err
	}
	s.recentPages.forget("/") // it tells of the blog
	return newBlogOutput(blog), nil
}

// statusChange makes the handler of an operation that sets a blog's status;
// doing it twice is doing it once.
func (s *Server) statusChange(to liveblog.BlogStatus) func(context.Context, *BlogPath) (*blogOutput, error) {
	return func(ctx context.Context, _ *BlogPath) (*blogOutput, error) {
		return s.patchBlog(ctx, 0, liveblog.BlogPatch{Status: &to})
	}
}

type pinInput struct {
	BlogPath
	Body struct {
		PostID *uuid.UUID `json:"post_id" required:"true" nullable:"true" doc:"null unpins"`
	}
}

func (s *Server) pinPost(ctx context.Context, in *pinInput) (*blogOutput, error) {
	blog, err := s.blogs.Pin(ctx, liveblog.ActorOf(ctx), blogOf(ctx).blog.ID, in.Body.PostID)
	if err != nil {
		return nil, err
	}
	return newBlogOutput(blog), nil
}
