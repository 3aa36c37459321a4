package api

import (
	"context"
	"net/http"

	"dateline/internal/auth"
	"dateline/internal/liveblog"
	"dateline/internal/server/access"
	"dateline/internal/server/operation"

	"github.com/danielgtaylor/huma/v2"
)

// SetupStore creates the first user.
type SetupStore interface {
	// NeedsSetup reports whether there is no user yet.
	NeedsSetup(ctx context.Context) (bool, error)
	// CheckSetupToken returns nil for the secret of a good setup link, ErrConflict
	// when there is a user, else ErrForbidden.
	CheckSetupToken(ctx context.Context, token string) error
	// ClaimSetup creates the first user; one of several claims wins.
	ClaimSetup(ctx context.Context, a liveblog.Actor, token string, u *liveblog.User) error
}

// Setup serves the operations that create the first user.
type Setup struct {
	doc     *operation.Document
	store   SetupStore
	auth    *auth.Service
	cookies access.Cookies
}

// NewSetup makes Setup.
func NewSetup(doc *operation.Document, store SetupStore, service *auth.Service, cookies access.Cookies) *Setup {
	return &Setup{doc, store, service, cookies}
}

// Show shows whether there is a user yet.
func (s *Setup) Show() access.Handler {
	return operation.New(s.doc, huma.Operation{OperationID: "get-setup", Summary: "Is the first user still to be created", Tags: []string{"Setup"}}, s.show)
}

// Claim creates the first user.
func (s *Setup) Claim() access.Handler {
	return operation.New(s.doc, huma.Operation{
		OperationID: "claim-setup", Summary: "Create the first user, an admin, and sign in", Tags: []string{"Setup"},
		DefaultStatus: http.StatusCreated, MaxBodyBytes: maxSignIn,
	}, s.claim)
}

type setupOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Needed bool `json:"needed"`
	}
}

func (s *Setup) show(ctx context.Context, _ *struct{}) (*setupOutput, error) {
	needed, err := s.store.NeedsSetup(ctx)
	out := &setupOutput{CacheControl: "no-store"}
	out.Body.Needed = needed
	return out, err
}

type claimSetupInput struct {
	Body struct {
		Token    string `json:"token" minLength:"1" maxLength:"100" doc:"From the setup link"`
		Name     string `json:"name" minLength:"1" maxLength:"100"`
		Email    string `json:"email" minLength:"3" maxLength:"254"`
		Password string `json:"password" minLength:"1" maxLength:"1024" doc:"12 to 1024 bytes"`
	}
}

func (s *Setup) claim(ctx context.Context, in *claimSetupInput) (*sessionOutput, error) {
	if err := s.store.CheckSetupToken(ctx, in.Body.Token); err != nil {
		return nil, err
	}
	hash, err := s.auth.HashPassword(ctx, in.Body.Password, in.Body.Email, "body.password")
	if err != nil {
		return nil, err
	}
	u := &liveblog.User{Email: in.Body.Email, Name: in.Body.Name, Role: liveblog.RoleAdmin, PasswordHash: hash}
	if err := s.store.ClaimSetup(ctx, liveblog.ActorOf(ctx), in.Body.Token, u); err != nil {
		return nil, err
	}
	signed, err := s.auth.Start(ctx, liveblog.ActorOf(ctx), access.BrowserOf(ctx).Client(), u)
	if err != nil {
		return nil, err
	}
	return newSessionOutput(s.cookies, signed), nil
}
