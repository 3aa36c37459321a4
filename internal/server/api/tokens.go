package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"dateline/internal/auth"
	"dateline/internal/liveblog"
	"dateline/internal/server/access"
	"dateline/internal/server/operation"
	"dateline/internal/server/problem"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
)

// TokenStore keeps API tokens.
type TokenStore interface {
	// Tokens lists those that are not revoked.
	Tokens(ctx context.Context) ([]liveblog.Token, error)
	// CreateTokenOnce stores a new token. For a key that was used before it returns
	// the token which that request created, and true.
	CreateTokenOnce(ctx context.Context, a liveblog.Actor, key liveblog.IdempotencyKey, t *liveblog.Token) (*liveblog.Token, bool, error)
	// RevokeToken ends a token for good, or ErrNotFound.
	RevokeToken(ctx context.Context, a liveblog.Actor, id string) error
}

// blogFinder finds a blog by its slug, or ErrNotFound.
type blogFinder interface {
	Blog(ctx context.Context, slug string) (*liveblog.Blog, error)
}

// Tokens serves the operations on API tokens.
type Tokens struct {
	doc   *operation.Document
	store TokenStore
	blogs blogFinder
}

// NewTokens makes Tokens that may be bound to one of the blogs.
func NewTokens(doc *operation.Document, store TokenStore, blogs blogFinder) *Tokens {
	return &Tokens{doc, store, blogs}
}

// List lists the tokens.
func (t *Tokens) List() access.Handler {
	return operation.New(t.doc, huma.Operation{OperationID: "list-tokens", Summary: "List the API tokens", Tags: []string{"Tokens"}}, t.list)
}

// Create creates a token.
func (t *Tokens) Create() access.Handler {
	return operation.New(t.doc, huma.Operation{
		OperationID: "create-token", Summary: "Create an API token", Tags: []string{"Tokens"}, DefaultStatus: http.StatusCreated,
		Description: "The answer shows the token itself, this once only: a repeated Idempotency-Key is answered 409, with the token that it made in `current`, " +
			"but not with its secret. Revoke that one and make another, with a new key.",
	}, t.create)
}

// Revoke ends a token.
func (t *Tokens) Revoke() access.Handler {
	return operation.New(t.doc, huma.Operation{
		OperationID: "revoke-token", Summary: "Revoke an API token", Tags: []string{"Tokens"}, DefaultStatus: http.StatusNoContent,
	}, t.revoke)
}

// TokenBody is a token in an answer, without its secret.
type TokenBody struct {
	ID         string           `json:"id"`
	Name       string           `json:"name"`
	Scopes     []liveblog.Scope `json:"scopes"`
	Blog       string           `json:"blog,omitempty" doc:"Slug of the one blog it is good for; all when missing"`
	CreatedBy  *uuid.UUID       `json:"created_by"`
	CreatedAt  time.Time        `json:"created_at"`
	ExpiresAt  time.Time        `json:"expires_at"`
	LastUsedAt *time.Time       `json:"last_used_at" doc:"To the minute"`
}

func newTokenBody(t *liveblog.Token) TokenBody {
	body := TokenBody{
		ID: t.ID, Name: t.Name, Scopes: t.Scopes, Blog: t.BlogSlug, CreatedBy: t.CreatedBy,
		CreatedAt: t.CreatedAt.UTC(), ExpiresAt: t.ExpiresAt.UTC(),
	}
	if t.LastUsedAt != nil {
		used := t.LastUsedAt.UTC()
		body.LastUsedAt = &used
	}
	return body
}

type tokensOutput struct{ Body listBody[TokenBody] }

func (t *Tokens) list(ctx context.Context, _ *struct{}) (*tokensOutput, error) {
	tokens, err := t.store.Tokens(ctx)
	if err != nil {
		return nil, err
	}
	return &tokensOutput{newList(tokens, newTokenBody)}, nil
}

type createTokenInput struct {
	Idempotent
	Body struct {
		Name   string           `json:"name" minLength:"1" maxLength:"100"`
		Scopes []liveblog.Scope `json:"scopes" minItems:"1" maxItems:"4" uniqueItems:"true" enum:"read,posts:write,blogs:write,media:write"`
		Blog   string           `json:"blog,omitempty" maxLength:"64" doc:"Slug of the one blog it is good for"`
		Days   int              `json:"expires_in_days" minimum:"1" maximum:"365"`
	}
}

type createTokenOutput struct {
	Body struct {
		Token string `json:"token" doc:"Shown this once only" example:"dl_..."`
		TokenBody
	}
}

func (t *Tokens) create(ctx context.Context, in *createTokenInput) (*createTokenOutput, error) {
	token := &liveblog.Token{Name: in.Body.Name, Scopes: in.Body.Scopes, CreatedBy: liveblog.PrincipalOf(ctx).AuthorID()}
	if err := t.bind(ctx, token, in.Body.Blog); err != nil {
		return nil, err
	}
	key, err := in.key("create-token", in.Body)
	if err != nil {
		return nil, err
	}
	secret := auth.NewToken(token, time.Now(), time.Duration(in.Body.Days)*24*time.Hour)
	created, replayed, err := t.store.CreateTokenOnce(ctx, liveblog.ActorOf(ctx), key, token)
	if err != nil {
		return nil, err
	}
	if replayed {
		return nil, madeBefore(ctx, created)
	}
	out := &createTokenOutput{}
	out.Body.Token, out.Body.TokenBody = secret, newTokenBody(created)
	return out, nil
}

// madeBefore is the error of a request that made its token before: the secret cannot be shown
// twice.
func madeBefore(ctx context.Context, t *liveblog.Token) error {
	p := problem.New(ctx, http.StatusConflict, "token_made_before",
		fmt.Sprintf("this Idempotency-Key made the token %s before, whose secret is shown once only: revoke it, and make another one with a new key", t.ID))
	p.Current = newTokenBody(t)
	return p
}

// bind makes a token good for one blog only, if there is a slug.
func (t *Tokens) bind(ctx context.Context, token *liveblog.Token, slug string) error {
	if slug == "" {
		return nil
	}
	blog, err := t.blogs.Blog(ctx, slug)
	if err != nil {
		return err
	}
	token.BlogID, token.BlogSlug = &blog.ID, blog.Slug
	return nil
}

type tokenPath struct {
	ID string `path:"id" maxLength:"36"`
}

func (t *Tokens) revoke(ctx context.Context, in *tokenPath) (*struct{}, error) {
	return nil, t.store.RevokeToken(ctx, liveblog.ActorOf(ctx), in.ID)
}
