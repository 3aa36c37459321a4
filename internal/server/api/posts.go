package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"dateline/internal/auth"
	"dateline/internal/liveblog"
	"dateline/internal/server/access"
	"dateline/internal/server/operation"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
)

// PostStore keeps posts. Its methods return ErrNotFound for a post that the blog does not have,
// ErrVersion unless the version of a PostRef is current, and the error of a Permit that refuses.
type PostStore interface {
	Post(ctx context.Context, blogID, id uuid.UUID) (*liveblog.Post, error)
	Posts(ctx context.Context, q liveblog.PostQuery) (liveblog.PostList, error)
	CreatePost(ctx context.Context, a liveblog.Actor, key liveblog.IdempotencyKey, p liveblog.Post, permit liveblog.Permit) (liveblog.Written, error)
	EditPost(ctx context.Context, a liveblog.Actor, ref liveblog.PostRef, patch liveblog.PostPatch, permit liveblog.Permit) (liveblog.Written, error)
	RemovePost(ctx context.Context, a liveblog.Actor, ref liveblog.PostRef, permit liveblog.Permit) (liveblog.Written, error)
	RestorePost(ctx context.Context, a liveblog.Actor, ref liveblog.PostRef, permit liveblog.Permit) (liveblog.Written, error)
	Revisions(ctx context.Context, blogID, postID uuid.UUID, limit int) ([]liveblog.Revision, error)
}

// maxPostRequest is the size of the body of a request with a post, in bytes: the text in JSON,
// where a character may take six.
const maxPostRequest = 128 << 10

// Posts serves the operations on the posts of a blog.
type Posts struct {
	doc   *operation.Document
	store PostStore
	texts *Texts
}

// NewPosts makes Posts.
func NewPosts(doc *operation.Document, store PostStore, texts *Texts) *Posts {
	return &Posts{doc, store, texts}
}

func postOp(id, summary string) huma.Operation {
	return huma.Operation{OperationID: id, Summary: summary, Tags: []string{"Posts"}, MaxBodyBytes: maxPostRequest}
}

// List lists posts.
func (p *Posts) List() access.Handler {
	return operation.New(p.doc, postOp("list-posts", "List posts"), p.list)
}

// Create creates a post.
func (p *Posts) Create() access.Handler {
	op := postOp("create-post", "Publish a post, or store a draft")
	op.DefaultStatus = http.StatusCreated
	op.Description = "With an external_id that the blog has already, that post is changed and the status is 200: a feed may send the same item as often as it likes."
	return operation.New(p.doc, op, p.create)
}

// Get reads a post.
func (p *Posts) Get() access.Handler {
	return operation.New(p.doc, postOp("get-post", "Read a post"), p.get)
}

// Edit changes a post.
func (p *Posts) Edit() access.Handler {
	return operation.New(p.doc, postOp("edit-post", "Change a post"), p.edit)
}

// Remove removes a post.
func (p *Posts) Remove() access.Handler {
	op := postOp("remove-post", "Remove a post")
	op.DefaultStatus = http.StatusNoContent
	return operation.New(p.doc, op, p.remove)
}

// Restore brings a removed post back.
func (p *Posts) Restore() access.Handler {
	return operation.New(p.doc, postOp("restore-post", "Bring a removed post back"), p.restore)
}

// Revisions lists the versions of a post.
func (p *Posts) Revisions() access.Handler {
	return operation.New(p.doc, postOp("list-revisions", "List the versions of a post"), p.revisions)
}

// permit lets editors do everything to a post, and contributors change unpublished posts of
// their own.
func permit(ctx context.Context) liveblog.Permit {
	return func(before, after liveblog.PostStatus, author *uuid.UUID) error {
		if access.May(ctx, auth.PublishPost) {
			return nil
		}
		if before == liveblog.PostPublished || after == liveblog.PostPublished {
			return access.Allow(ctx, auth.PublishPost)
		}
		if own := liveblog.PrincipalOf(ctx).AuthorID(); own == nil || author == nil || *own != *author {
			return liveblog.Errorf(liveblog.ErrForbidden, "not_yours", "this post belongs to somebody else")
		}
		return nil
	}
}

type listPostsInput struct {
	operation.BlogPath
	Limit    int                 `query:"limit" minimum:"1" maximum:"100" default:"20"`
	Cursor   string              `query:"cursor" maxLength:"256" doc:"next_cursor of the page before"`
	Order    string              `query:"order" enum:"newest,oldest" default:"newest"`
	KeyEvent bool                `query:"key_event" doc:"Only key events"`
	Tag      string              `query:"tag" maxLength:"100"`
	Status   liveblog.PostStatus `query:"status" enum:"published,draft,submitted,removed" default:"published"`
}

// postCursor is where a list of posts continues.
type postCursor struct {
	Position int64     `json:"p,omitempty"`
	Changed  time.Time `json:"c,omitzero"`
	ID       uuid.UUID `json:"i,omitzero"`
}

type postsOutput struct {
	Link string `header:"Link"`
	Body struct {
		Items      []postBody     `json:"items" nullable:"false"`
		NextCursor string         `json:"next_cursor"`
		Epoch      string         `json:"epoch"`
		LastSeq    int64          `json:"last_seq" doc:"The stream goes on after this event"`
		Chain      liveblog.Chain `json:"chain" doc:"Of the event last_seq: names it and all before it"`
	}
}

func (p *Posts) list(ctx context.Context, in *listPostsInput) (*postsOutput, error) {
	query, err := in.query(ctx)
	if err != nil {
		return nil, err
	}
	list, err := p.store.Posts(ctx, query)
	if err != nil {
		return nil, err
	}
	out := &postsOutput{}
	out.Body.Epoch, out.Body.LastSeq, out.Body.Chain = list.Epoch, list.LastSeq, list.Chain
	out.Body.Items = make([]postBody, len(list.Posts))
	for i := range list.Posts {
		out.Body.Items[i] = newPostBody(ctx, &list.Posts[i])
	}
	if list.More {
		last := list.Posts[len(list.Posts)-1]
		out.Body.NextCursor = encodeCursor(nextPosts(in.Status, &last))
		out.Link = in.next(out.Body.NextCursor)
	}
	return out, nil
}

func (in *listPostsInput) query(ctx context.Context) (liveblog.PostQuery, error) {
	var from postCursor
	q := liveblog.PostQuery{
		BlogID: access.BlogOf(ctx).Blog.ID, Status: in.Status, KeyEvent: in.KeyEvent, Tag: in.Tag,
		Oldest: in.Order == "oldest", Limit: in.Limit,
	}
	if err := decodeCursor(in.Cursor, &from); err != nil {
		return q, err
	}
	q.After, q.Before, q.BeforeID = max(from.Position, 0), from.Changed, from.ID
	if in.Status == liveblog.PostPublished {
		q.Before = time.Time{}
		return q, nil
	}
	q.After = 0
	return q, access.Allow(ctx, auth.ReadUnpublished)
}

func (in *listPostsInput) next(cursor string) string {
	query := url.Values{
		"cursor": {cursor}, "limit": {strconv.Itoa(in.Limit)}, "order": {in.Order}, "status": {string(in.Status)},
	}
	if in.KeyEvent {
		query.Set("key_event", "true")
	}
	if in.Tag != "" {
		query.Set("tag", in.Tag)
	}
	return nextLink("/api/v1/blogs/"+in.Slug+"/posts", query)
}

func nextPosts(status liveblog.PostStatus, last *liveblog.Post) postCursor {
	if status == liveblog.PostPublished {
		return postCursor{Position: last.Position}
	}
	return postCursor{Changed: last.UpdatedAt, ID: last.ID}
}

type createPostInput struct {
	operation.BlogPath
	Idempotent
	Body createPostBody
}

type createPostBody struct {
	Title      string              `json:"title,omitempty"`
	Body       string              `json:"body,omitempty" doc:"The text, in the format given"`
	Format     string              `json:"format,omitempty" enum:"markdown,text,html" default:"markdown"`
	Byline     string              `json:"byline,omitempty" doc:"The author that readers see"`
	Tags       []string            `json:"tags,omitempty" maxItems:"20"`
	KeyEvent   bool                `json:"key_event,omitempty" doc:"List the post among the key events"`
	Pinned     bool                `json:"pinned,omitempty" doc:"Show the post at the top of the blog"`
	ExternalID string              `json:"external_id,omitempty" doc:"Your own name for the post: sending it again changes the post"`
	Status     liveblog.PostStatus `json:"status,omitempty" enum:"published,draft,submitted" default:"published"`
}

type postOutput struct {
	Status   int
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Replayed string `header:"Idempotent-Replayed" doc:"true when an earlier request with this Idempotency-Key did it"`
	Body     postBody
}

func newPostOutput(ctx context.Context, w liveblog.Written, status int) *postOutput {
	out := &postOutput{Status: status, ETag: etag(w.Post.Version), Replayed: replayedHeader(w.Replayed), Body: newPostBody(ctx, &w.Post)}
	out.Body.Seq = w.Seq
	return out
}

func (p *Posts) create(ctx context.Context, in *createPostInput) (*postOutput, error) {
	post := liveblog.Post{
		BlogID: access.BlogOf(ctx).Blog.ID, Status: in.Body.Status, Title: in.Body.Title, Byline: in.Body.Byline, Tags: in.Body.Tags,
		KeyEvent: in.Body.KeyEvent, Pinned: in.Body.Pinned, ExternalID: in.Body.ExternalID, AuthorID: liveblog.PrincipalOf(ctx).AuthorID(),
	}
	if err := permit(ctx)(liveblog.PostDraft, post.Status, post.AuthorID); err != nil {
		return nil, err
	}
	key, err := in.key("create-post "+in.Slug, in.Body)
	if err != nil {
		return nil, err
	}
	content, err := p.texts.content(ctx, in.Body.Format, in.Body.Body)
	if err != nil {
		return nil, err
	}
	post.Body, post.HTML, post.Text = content.Body, content.HTML, content.Text
	post.Normalize()
	if err := post.Validate(); err != nil {
		return nil, err
	}
	w, err := p.store.CreatePost(ctx, liveblog.ActorOf(ctx), key, post, permit(ctx))
	if err != nil {
		return nil, err
	}
	return createdPost(ctx, in.Slug, w), nil
}

func createdPost(ctx context.Context, slug string, w liveblog.Written) *postOutput {
	if !w.Created {
		return newPostOutput(ctx, w, http.StatusOK)
	}
	out := newPostOutput(ctx, w, http.StatusCreated)
	out.Location = "/api/v1/blogs/" + slug + "/posts/" + w.Post.ID.String()
	return out
}

type PostPath struct {
	operation.BlogPath
	ID uuid.UUID `path:"id"`
}

func (p *Posts) get(ctx context.Context, in *PostPath) (*postOutput, error) {
	post, err := p.store.Post(ctx, access.BlogOf(ctx).Blog.ID, in.ID)
	if err != nil {
		return nil, err
	}
	if err := visiblePost(ctx, post); err != nil {
		return nil, err
	}
	return newPostOutput(ctx, liveblog.Written{Post: *post}, http.StatusOK), nil
}

// visiblePost returns the error for a post that the principal may not see. For a published post
// that was removed it is ErrGone.
func visiblePost(ctx context.Context, p *liveblog.Post) error {
	switch {
	case p.Status == liveblog.PostPublished || access.May(ctx, auth.ReadUnpublished):
		return nil
	case p.Status == liveblog.PostRemoved && p.Position > 0:
		return liveblog.Errorf(liveblog.ErrGone, "post_removed", "the post was removed")
	default:
		return liveblog.Errorf(liveblog.ErrNotFound, "post_not_found", "there is no such post in this blog")
	}
}

type editPostInput struct {
	PostPath
	IfMatch string `header:"If-Match" doc:"The ETag that the change is based on; programs may send *"`
	Body    struct {
		Title    *string              `json:"title,omitempty"`
		Body     *string              `json:"body,omitempty"`
		Format   string               `json:"format,omitempty" enum:"markdown,text,html" default:"markdown" doc:"Of body"`
		Byline   *string              `json:"byline,omitempty"`
		Tags     *[]string            `json:"tags,omitempty"`
		KeyEvent *bool                `json:"key_event,omitempty"`
		Pinned   *bool                `json:"pinned,omitempty"`
		Status   *liveblog.PostStatus `json:"status,omitempty" enum:"published,draft,submitted"`
	}
}

func (p *Posts) edit(ctx context.Context, in *editPostInput) (*postOutput, error) {
	ref, err := in.ref(ctx, in.IfMatch)
	if err != nil {
		return nil, err
	}
	patch := liveblog.PostPatch{
		Title: in.Body.Title, Byline: in.Body.Byline, Tags: in.Body.Tags,
		KeyEvent: in.Body.KeyEvent, Pinned: in.Body.Pinned, Status: in.Body.Status,
	}
	if in.Body.Body != nil {
		if patch.Content, err = p.texts.content(ctx, in.Body.Format, *in.Body.Body); err != nil {
			return nil, err
		}
	}
	w, err := p.store.EditPost(ctx, liveblog.ActorOf(ctx), ref, patch, permit(ctx))
	if err != nil {
		return nil, err
	}
	return newPostOutput(ctx, w, http.StatusOK), nil
}

// ref names the post to change and the version that the change is based on.
func (in PostPath) ref(ctx context.Context, header string) (liveblog.PostRef, error) {
	version, err := ifMatch(liveblog.PrincipalOf(ctx), header)
	return liveblog.PostRef{BlogID: access.BlogOf(ctx).Blog.ID, ID: in.ID, Version: version}, err
}

type changePostInput struct {
	PostPath
	IfMatch string `header:"If-Match" doc:"The ETag that the change is based on; programs may send *"`
}

func (p *Posts) remove(ctx context.Context, in *changePostInput) (*operation.None, error) {
	ref, err := in.ref(ctx, in.IfMatch)
	if err != nil {
		return nil, err
	}
	_, err = p.store.RemovePost(ctx, liveblog.ActorOf(ctx), ref, permit(ctx))
	return &operation.None{}, err
}

// restore needs no If-Match: an undo comes before the new version is read.
func (p *Posts) restore(ctx context.Context, in *PostPath) (*postOutput, error) {
	ref := liveblog.PostRef{BlogID: access.BlogOf(ctx).Blog.ID, ID: in.ID}
	w, err := p.store.RestorePost(ctx, liveblog.ActorOf(ctx), ref, permit(ctx))
	if err != nil {
		return nil, err
	}
	return newPostOutput(ctx, w, http.StatusOK), nil
}
