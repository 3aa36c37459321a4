package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"dateline/internal/auth"
	"dateline/internal/liveblog"
	"dateline/internal/server/access"
	"dateline/internal/server/operation"
	"dateline/internal/wire"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
)

// BlogStore keeps blogs.
type BlogStore interface {
	// Blogs lists blogs, newest first.
	Blogs(ctx context.Context, q liveblog.BlogQuery) ([]liveblog.Blog, error)
	// CreateBlog stores a blog; a taken slug is ErrConflict. For a key that was used before it
	// returns the blog which that request created, and true.
	CreateBlog(ctx context.Context, a liveblog.Actor, key liveblog.IdempotencyKey, b liveblog.Blog) (*liveblog.Blog, bool, error)
	// EditBlog changes the fields that are given, or ErrVersion unless version is current; 0 is
	// any.
	EditBlog(ctx context.Context, a liveblog.Actor, id uuid.UUID, version int64, patch liveblog.BlogPatch) (*liveblog.Blog, error)
	// Pin pins a post, or none, or ErrNotFound.
	Pin(ctx context.Context, a liveblog.Actor, blogID uuid.UUID, postID *uuid.UUID) (*liveblog.Blog, error)
}

// Blogs serves the operations on blogs.
type Blogs struct {
	doc     *operation.Document
	store   BlogStore
	texts   *Texts
	known   *access.Blogs
	changed func()
}

// NewBlogs makes Blogs. changed is called when the list of blogs has changed.
func NewBlogs(doc *operation.Document, store BlogStore, texts *Texts, known *access.Blogs, changed func()) *Blogs {
	return &Blogs{doc, store, texts, known, changed}
}

func blogOp(id, summary string) huma.Operation {
	return huma.Operation{OperationID: id, Summary: summary, Tags: []string{"Blogs"}}
}

// List lists blogs.
func (b *Blogs) List() access.Handler {
	return operation.New(b.doc, blogOp("list-blogs", "List blogs"), b.list)
}

// Create creates a blog.
func (b *Blogs) Create() access.Handler {
	op := blogOp("create-blog", "Create a blog")
	op.DefaultStatus = http.StatusCreated
	return operation.New(b.doc, op, b.create)
}

// Get reads a blog.
func (b *Blogs) Get() access.Handler {
	return operation.New(b.doc, blogOp("get-blog", "Read a blog"), b.get)
}

// Edit changes a blog's texts.
func (b *Blogs) Edit() access.Handler {
	return operation.New(b.doc, blogOp("edit-blog", "Change a blog"), b.edit)
}

// End ends a blog.
func (b *Blogs) End() access.Handler {
	return operation.New(b.doc, blogOp("end-blog", "End a blog"), b.setStatus(liveblog.BlogEnded))
}

// Reopen makes a blog live.
func (b *Blogs) Reopen() access.Handler {
	return operation.New(b.doc, blogOp("reopen-blog", "Reopen an ended blog, or open a draft"), b.setStatus(liveblog.BlogLive))
}

// Pin pins a post.
func (b *Blogs) Pin() access.Handler {
	return operation.New(b.doc, blogOp("pin-post", "Pin a post, or none"), b.pin)
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

// list shows drafts and unlisted blogs to principals that may read them: to all that are signed
// in.
func (b *Blogs) list(ctx context.Context, in *listBlogsInput) (*blogsOutput, error) {
	var from blogCursor
	if err := decodeCursor(in.Cursor, &from); err != nil {
		return nil, err
	}
	p := liveblog.PrincipalOf(ctx)
	query := liveblog.BlogQuery{
		All:    auth.Allow(p, auth.ReadUnpublished, nil, liveblog.RoleNone) == nil,
		Status: in.Status, Limit: in.Limit + 1, BeforeTime: from.Time, BeforeID: from.ID,
	}
	blogs, err := b.store.Blogs(ctx, query)
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

func (b *Blogs) create(ctx context.Context, in *createBlogInput) (*blogOutput, error) {
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
	if blog.SummaryHTML, err = b.texts.summary(ctx, blog.Summary); err != nil {
		return nil, err
	}
	created, replayed, err := b.store.CreateBlog(ctx, liveblog.ActorOf(ctx), key, blog)
	if err != nil {
		return nil, err
	}
	b.known.Created(created.Slug)
	b.changed()
	out := newBlogOutput(created)
	out.Location, out.Replayed = "/api/v1/blogs/"+created.Slug, replayedHeader(replayed)
	return out, nil
}

func (b *Blogs) get(ctx context.Context, _ *operation.BlogPath) (*blogOutput, error) {
	scope := access.BlogOf(ctx)
	out := newBlogOutput(scope.Blog)
	if p := liveblog.PrincipalOf(ctx); !p.Anonymous() {
		out.Body.Permissions = auth.Permissions(p, &scope.Blog.ID, scope.Member)
	}
	return out, nil
}

type editBlogInput struct {
	operation.BlogPath
	IfMatch string `header:"If-Match" doc:"The ETag that the change is based on"`
	Body    struct {
		Title    *string `json:"title,omitempty"`
		Summary  *string `json:"summary,omitempty" doc:"Markdown"`
		Language *string `json:"language,omitempty"`
		Unlisted *bool   `json:"unlisted,omitempty"`
	}
}

func (b *Blogs) edit(ctx context.Context, in *editBlogInput) (*blogOutput, error) {
	version, err := ifMatch(liveblog.PrincipalOf(ctx), in.IfMatch)
	if err != nil {
		return nil, err
	}
	patch := liveblog.BlogPatch{Title: in.Body.Title, Summary: in.Body.Summary, Language: in.Body.Language, Unlisted: in.Body.Unlisted}
	if in.Body.Summary != nil {
		html, err := b.texts.summary(ctx, *in.Body.Summary)
		if err != nil {
			return nil, err
		}
		patch.SummaryHTML = &html
	}
	return b.patch(ctx, version, patch)
}

func (b *Blogs) patch(ctx context.Context, version int64, patch liveblog.BlogPatch) (*blogOutput, error) {
	blog, err := b.store.EditBlog(ctx, liveblog.ActorOf(ctx), access.BlogOf(ctx).Blog.ID, version, patch)
	if err != nil {
		return nil, err
	}
	b.changed()
	return newBlogOutput(blog), nil
}

// setStatus makes the function of an operation that sets a blog's status. Repeating it changes
// nothing.
func (b *Blogs) setStatus(to liveblog.BlogStatus) func(context.Context, *operation.BlogPath) (*blogOutput, error) {
	return func(ctx context.Context, _ *operation.BlogPath) (*blogOutput, error) {
		return b.patch(ctx, 0, liveblog.BlogPatch{Status: &to})
	}
}

type pinInput struct {
	operation.BlogPath
	Body struct {
		PostID *uuid.UUID `json:"post_id" required:"true" nullable:"true" doc:"null unpins"`
	}
}

func (b *Blogs) pin(ctx context.Context, in *pinInput) (*blogOutput, error) {
	blog, err := b.store.Pin(ctx, liveblog.ActorOf(ctx), access.BlogOf(ctx).Blog.ID, in.Body.PostID)
	if err != nil {
		return nil, err
	}
	return newBlogOutput(blog), nil
}
