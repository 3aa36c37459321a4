package server

import (
	"context"
	"net/http"

	"dateline/internal/auth"
	"dateline/internal/liveblog"

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

func (s *Server) setupRoutes() {
	register(s, huma.Operation{
		OperationID: "get-setup", Method: http.MethodGet, Path: "/api/v1/setup", Tags: []string{"Setup"},
		Summary: "Is the first user still to be created",
	}, auth.ReadPublic, s.showSetup)
	register(s, huma.Operation{
		OperationID: "claim-setup", Method: http.MethodPost, Path: "/api/v1/setup", Tags: []string{"Setup"},
		Summary: "Create the first user, an admin, and sign in", DefaultStatus: http.StatusCreated, MaxBodyBytes: maxSignIn,
	}, auth.ReadPublic, s.claimSetup)
}

type setupOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Needed bool `json:"needed"`
	}
}

func (s *Server) showSetup(ctx context.Context, _ *struct{}) (*setupOutput, error) {
	needed, err := s.setup.NeedsSetup(ctx)
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

func (s *Server) claimSetup(ctx context.Context, in *claimSetupInput) (*sessionOutput, error) {
	if err := s.setup.CheckSetupToken(ctx, in.Body.Token); err != nil {
		return nil, err
	}
	hash, err := s.auth.HashPassword(ctx, in.Body.Password, in.Body.Email, "body.password")
	if err != nil {
		return nil, err
	}
	u := &liveblog.User{Email: in.Body.Email, Name: in.Body.Name, Role: liveblog.RoleAdmin, PasswordHash: hash}
	if err := s.setup.ClaimSetup(ctx, liveblog.ActorOf(ctx), in.Body.Token, u); err != nil {
		return nil, err
	}
	signed, err := s.auth.Start(ctx, liveblog.ActorOf(ctx), browserOf(ctx).client(), u)
	if err != nil {
		return nil, err
	}
	return s.sessionOutput(signed), nil
}
