package api

import (
	"context"
	"net/http"
	"time"

	"dateline/internal/auth"
	"dateline/internal/liveblog"
	"dateline/internal/server/access"
	"dateline/internal/server/operation"

	"github.com/danielgtaylor/huma/v2"
)

// maxSignIn is the size of the body of requests with a password, in bytes.
const maxSignIn = 4 << 10

// Session serves the operations by which people sign in and out.
type Session struct {
	doc     *operation.Document
	auth    *auth.Service
	cookies access.Cookies
}

// NewSession makes Session.
func NewSession(doc *operation.Document, service *auth.Service, cookies access.Cookies) *Session {
	return &Session{doc, service, cookies}
}

func sessionOp(id, summary string) huma.Operation {
	return huma.Operation{OperationID: id, Summary: summary, Tags: []string{"Session"}, MaxBodyBytes: maxSignIn}
}

// SignIn begins a session.
func (s *Session) SignIn() access.Handler {
	return operation.New(s.doc, sessionOp("sign-in", "Sign in"), s.signIn)
}

// Refresh exchanges a refresh token.
func (s *Session) Refresh() access.Handler {
	return operation.New(s.doc, sessionOp("refresh-session", "Exchange a refresh token for new tokens"), s.refresh)
}

// Show shows whose the session is.
func (s *Session) Show() access.Handler {
	op := sessionOp("get-session", "Who am I, and what may I do")
	op.MaxBodyBytes = 0
	return operation.New(s.doc, op, s.show)
}

// SignOut ends the session.
func (s *Session) SignOut() access.Handler {
	op := sessionOp("sign-out", "Sign out")
	op.MaxBodyBytes, op.DefaultStatus = 0, http.StatusNoContent
	return operation.New(s.doc, op, s.signOut)
}

// ChangePassword changes the password of the session's user.
func (s *Session) ChangePassword() access.Handler {
	op := sessionOp("change-password", "Change one's own password")
	op.DefaultStatus = http.StatusNoContent
	op.Description = "Ends all sessions of the user. This browser gets a new one."
	return operation.New(s.doc, op, s.changePassword)
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

func newSessionOutput(cookies access.Cookies, in *auth.SignedIn) *sessionOutput {
	out := &sessionOutput{SetCookie: cookies.SignIn(in)}
	out.Body.User = newUserBody(in.User)
	out.Body.AccessToken = in.Access
	out.Body.ExpiresIn = int(auth.AccessTTL / time.Second)
	return out
}

func (s *Session) signIn(ctx context.Context, in *signInInput) (*sessionOutput, error) {
	if err := access.UsableCookies(ctx); err != nil {
		return nil, err
	}
	signed, err := s.auth.Login(ctx, liveblog.ActorOf(ctx), access.BrowserOf(ctx).Client(), in.Body.Email, in.Body.Password)
	if err != nil {
		return nil, err
	}
	return newSessionOutput(s.cookies, signed), nil
}

type refreshInput struct {
	Body *struct {
		RefreshToken string `json:"refresh_token,omitempty" maxLength:"256" doc:"Unless the cookie has it"`
	}
}

func (s *Session) refresh(ctx context.Context, in *refreshInput) (*sessionOutput, error) {
	if err := access.UsableCookies(ctx); err != nil {
		return nil, err
	}
	b := access.BrowserOf(ctx)
	token := b.Refresh
	if in.Body != nil && in.Body.RefreshToken != "" {
		token = in.Body.RefreshToken
	}
	signed, err := s.auth.Refresh(ctx, liveblog.ActorOf(ctx), b.Client(), token)
	if err != nil {
		return nil, err
	}
	return newSessionOutput(s.cookies, signed), nil
}

type showSessionOutput struct {
	Body struct {
		User        userBody      `json:"user"`
		Permissions []auth.Action `json:"permissions" doc:"What the user may do on every blog"`
	}
}

func (s *Session) show(ctx context.Context, _ *struct{}) (*showSessionOutput, error) {
	p := liveblog.PrincipalOf(ctx)
	out := &showSessionOutput{}
	out.Body.User = newUserBody(p.User)
	out.Body.Permissions = auth.Permissions(p, nil, liveblog.RoleNone)
	return out, nil
}

type cookieOutput struct {
	SetCookie []http.Cookie `header:"Set-Cookie"`
}

func (s *Session) signOut(ctx context.Context, _ *struct{}) (*cookieOutput, error) {
	if err := access.UsableCookies(ctx); err != nil {
		return nil, err
	}
	if err := s.auth.Logout(ctx, liveblog.ActorOf(ctx), access.BrowserOf(ctx).Refresh); err != nil {
		return nil, err
	}
	return &cookieOutput{SetCookie: s.cookies.SignOut()}, nil
}

type changePasswordInput struct {
	Body struct {
		Current string `json:"current_password" minLength:"1" maxLength:"1024"`
		New     string `json:"new_password" minLength:"1" maxLength:"1024" doc:"12 to 1024 bytes"`
	}
}

func (s *Session) changePassword(ctx context.Context, in *changePasswordInput) (*cookieOutput, error) {
	signed, err := s.auth.ChangePassword(ctx, liveblog.ActorOf(ctx), access.BrowserOf(ctx).Client(), in.Body.Current, in.Body.New)
	if err != nil {
		return nil, err
	}
	return &cookieOutput{SetCookie: s.cookies.SignIn(signed)}, nil
}
