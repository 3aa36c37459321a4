package api

import (
	"context"
	"time"

	"dateline/internal/auth"
	"dateline/internal/liveblog"
	"dateline/internal/server/access"
	"dateline/internal/wire"

	"github.com/google/uuid"
)

// maxRevisions is how many versions of a post are listed.
const maxRevisions = 200

// postBody is a post in an answer. The part behind the pointer is for principals
// that may read or submit drafts.
type postBody struct {
	wire.Post
	Views int64 `json:"views"`
	*PostInside
}

// PostInside is what only editors see of a post.
type PostInside struct {
	Body       string      `json:"body" doc:"Markdown"`
	Text       string      `json:"text"`
	ExternalID string      `json:"external_id"`
	Author     *authorBody `json:"author"`
	CreatedAt  time.Time   `json:"created_at"`
	UpdatedAt  time.Time   `json:"updated_at"`
}

type authorBody struct {
	ID   uuid.UUID `json:"id"`
	Name string    `json:"name"`
}

func newAuthorBody(id *uuid.UUID, name string) *authorBody {
	if id == nil {
		return nil
	}
	return &authorBody{*id, name}
}

func newPostBody(ctx context.Context, p *liveblog.Post) postBody {
	out := postBody{Post: wire.NewPost(p, access.BlogOf(ctx).Blog.Slug), Views: p.Views}
	if access.May(ctx, auth.ReadUnpublished) || access.May(ctx, auth.SubmitPost) {
		out.PostInside = &PostInside{
			Body: p.Body, Text: p.Text, ExternalID: p.ExternalID, Author: newAuthorBody(p.AuthorID, p.AuthorName),
			CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
		}
	}
	return out
}

type revisionBody struct {
	Version  int64               `json:"version"`
	Status   liveblog.PostStatus `json:"status"`
	Title    string              `json:"title"`
	Body     string              `json:"body"`
	HTML     string              `json:"html"`
	Byline   string              `json:"byline"`
	Tags     []string            `json:"tags"`
	KeyEvent bool                `json:"key_event"`
	Editor   *authorBody         `json:"editor"`
	At       time.Time           `json:"at"`
}

type revisionsOutput struct{ Body listBody[revisionBody] }

func (p *Posts) revisions(ctx context.Context, in *PostPath) (*revisionsOutput, error) {
	list, err := p.store.Revisions(ctx, access.BlogOf(ctx).Blog.ID, in.ID, maxRevisions)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, liveblog.Errorf(liveblog.ErrNotFound, "post_not_found", "there is no such post in this blog")
	}
	out := &revisionsOutput{listBody[revisionBody]{Items: make([]revisionBody, len(list))}}
	for i, r := range list {
		out.Body.Items[i] = revisionBody{
			Version: r.Version, Status: r.Status, Title: r.Title, Body: r.Body, HTML: r.HTML, Byline: r.Byline,
			Tags: r.Tags, KeyEvent: r.KeyEvent, Editor: newAuthorBody(r.EditorID, r.EditorName), At: r.At,
		}
	}
	return out, nil
}
