package server

import (
	"context"
	"net/http"
	"time"

	"dateline/internal/auth"
	"dateline/internal/liveblog"

	"github.com/danielgtaylor/huma/v2"
)

// maxSignIn bounds the body of requests that carry a password, in bytes.
const maxSignIn = 4 << 10

func (s *Server) sessionRoutes() {
	register(s, huma.Operation{
		OperationID: "sign-in", Method: http.MethodPost, Path: "/api/v1/session", Tags: []string{"Session"},
		Summary: "Sign in", MaxBodyBytes: maxSignIn,
	}, auth.ReadPublic, s.signIn)
	register(s, huma.Operation{
		OperationID: "refresh-session", Method: http.MethodPost, Path: "/api/v1/session/refresh", Tags: []string{"Session"},
		Summary: "Exchange a refresh token for new tokens", MaxBodyBytes: maxSignIn,
	}, auth.ReadPublic, s.refreshSession)
	register(s, huma.Operation{
		OperationID: "get-session", Method: http.MethodGet, Path: "/api/v1/session", Tags: []string{"Session"},
		Summary: "Who am I, and what may I do",
	}, auth.OwnAccount, s.showSession)
	register(s, huma.Operation{
		OperationID: "sign-out", Method: http.MethodDelete, Path: "/api/v1/session", Tags: []string{"Session"},
		Summary: "Sign out", DefaultStatus: http.StatusNoContent,
	}, auth.ReadPublic, s.signOut)
	register(s, huma.Operation{
		OperationID: "change-password", Method: http.MethodPut, Path: "/api/v1/account/password", Tags: []string{"Session"},
		Summary: "Change one's own password", DefaultStatus: http.StatusNoContent, MaxBodyBytes: maxSignIn,
		Description: "Ends all sessions of the user. This browser gets a new one.",
	}, auth.OwnAccount, s.changePassword)
}

type signInInput struct {
	Body struct {
		Email    string `json:"email" minLength:"1" maxLength:"254"`
		Password string `json:"password" minLength:"1" maxLength:"1024"`
	}
}

// sessionOutput signs a browser in by its cookies, and gives a program the
// access token to send as Bearer.
type sessionOutput struct {
	SetCookie []http.Cookie `header:"Set-Cookie"`
	Body      struct {
		User        userBody `json:"user"`
		AccessToken string   `json:"access_token" doc:"JWT; send it as Authorization: Bearer"`
		ExpiresIn   int      `json:"expires_in" doc:"Life of the access token in seconds"`
	}
}

func (s *Server) sessionOutput(in *auth.SignedIn) *sessionOutput {
	out := &sessionOutput{SetCookie: s.keep(in)}
	out.Body.User = newUserBody(in.User)
	out.Body.AccessToken = in.Access
	out.Body.ExpiresIn = int(auth.AccessTTL / time.Second)
	return out
}

func (s *Server) signIn(ctx context.Context, in *signInInput) (*sessionOutput, error) {
	if err := usableCookies(ctx); err != nil {
		return nil, err
	}
	signed, err := s.auth.Login(ctx, liveblog.ActorOf(ctx), browserOf(ctx).client(), in.Body.Email, in.Body.Password)
	if err != nil {
		return nil, err
	}
	return s.sessionOutput(signed), nil
}

type refreshInput struct {
	Body *struct {
		RefreshToken string `json:"refresh_token,omitempty" maxLength:"256" doc:"Unless the cookie has it"`
	}
}

func (s *Server) refreshSession(ctx context.Context, in *refreshInput) (*sessionOutput, error) {
	if err := usableCookies(ctx); err != nil {
		return nil, err
	}
	b := browserOf(ctx)
	token := b.refresh
	if in.Body != nil && in.Body.RefreshToken != "" {
		token = in.Body.RefreshToken
	}
	signed, err := s.auth.Refresh(ctx, liveblog.ActorOf(ctx), b.client(), token)
	if err != nil {
		return nil, err
	}
	return s.sessionOutput(signed), nil
}

type showSessionOutput struct {
	Body struct {
		User        userBody      `json:"user"`
		Permissions []auth.Action `json:"permissions" doc:"What the user may do on every blog"`
	}
}

func (s *Server) showSession(ctx context.Context, _ *struct{}) (*showSessionOutput, error) {
	p := liveblog.PrincipalOf(ctx)
	out := &showSessionOutput{}
	out.Body.User = newUserBody(p.User)
	out.Body.Permissions = auth.Permissions(p, nil, liveblog.RoleNone)
	return out, nil
}

type cookieOutput struct {
	SetCookie []http.Cookie `header:"Set-Cookie"`
}

func (s *Server) signOut(ctx context.Context, _ *struct{}) (*cookieOutput, error) {
	if err := usableCookies(ctx); err != nil {
		return nil, err
	}
	if err := s.auth.Logout(ctx, liveblog.ActorOf(ctx), browserOf(ctx).refresh); err != nil {
		return nil, err
	}
	return &cookieOutput{SetCookie: s.forget()}, nil
}

type changePasswordInput struct {
	Body struct {
		Current string `json:"current_password" minLength:"1" maxLength:"1024"`
		New     string `json:"new_password" minLength:"1" maxLength:"1024" doc:"12 to 1024 bytes"`
	}
}

func (s *Server) changePassword(ctx context.Context, in *changePasswordInput) (*cookieOutput, error) {
	signed, err := s.auth.ChangePassword(ctx, liveblog.ActorOf(ctx), browserOf(ctx).client(), in.Body.Current, in.Body.New)
	if err != nil {
		return nil, err
	}
	return &cookieOutput{SetCookie: s.keep(signed)}, nil
}
