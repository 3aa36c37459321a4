package server

import (
	"context"
	"net/http"
	"time"

	"dateline/internal/auth"
	"dateline/internal/liveblog"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
)

// UserStore keeps people.
type UserStore interface {
	// Users lists all users by name.
	Users(ctx context.Context) ([]liveblog.User, error)
	// CreateUserOnce stores a new user; a taken address is ErrConflict. For a key that
	// was used before it returns the user which that request created, and true.
	CreateUserOnce(ctx context.Context, a liveblog.Actor, key liveblog.IdempotencyKey, u *liveblog.User) (*liveblog.User, bool, error)
	// UpdateUser changes a user, or ErrNotFound, or ErrConflict for the last admin.
	UpdateUser(ctx context.Context, a liveblog.Actor, id uuid.UUID, change liveblog.UserChange) (*liveblog.User, error)
}

func (s *Server) userRoutes() {
	register(s, huma.Operation{
		OperationID: "list-users", Method: http.MethodGet, Path: "/api/v1/users", Tags: []string{"Users"},
		Summary: "List the users",
	}, auth.ManageUsers, s.listUsers)
	register(s, huma.Operation{
		OperationID: "create-user", Method: http.MethodPost, Path: "/api/v1/users", Tags: []string{"Users"},
		Summary: "Create a user", DefaultStatus: http.StatusCreated, MaxBodyBytes: maxSignIn,
	}, auth.ManageUsers, s.createUser)
	register(s, huma.Operation{
		OperationID: "update-user", Method: http.MethodPatch, Path: "/api/v1/users/{id}", Tags: []string{"Users"},
		Summary:     "Change the name or role of a user, or disable the account",
		Description: "A disabled user is signed out everywhere at once. The last admin stays one.",
	}, auth.ManageUsers, s.updateUser)
}

type userBody struct {
	ID        uuid.UUID     `json:"id"`
	Email     string        `json:"email"`
	Name      string        `json:"name"`
	Role      liveblog.Role `json:"role" enum:"admin,editor,contributor,viewer"`
	Disabled  bool          `json:"disabled"`
	CreatedAt time.Time     `json:"created_at"`
}

func newUserBody(u *liveblog.User) userBody {
	return userBody{u.ID, u.Email, u.Name, u.Role, u.DisabledAt != nil, u.CreatedAt.UTC()}
}

// listBody is the shape of every list.
type listBody[T any] struct {
	Items      []T    `json:"items" nullable:"false"`
	NextCursor string `json:"next_cursor" doc:"Empty on the last page"`
}

type userOutput struct{ Body userBody }

type usersOutput struct{ Body listBody[userBody] }

func (s *Server) listUsers(ctx context.Context, _ *struct{}) (*usersOutput, error) {
	users, err := s.users.Users(ctx)
	if err != nil {
		return nil, err
	}
	out := &usersOutput{listBody[userBody]{Items: make([]userBody, len(users))}}
	for i := range users {
		out.Body.Items[i] = newUserBody(&users[i])
	}
	return out, nil
}

type createUserInput struct {
	Idempotent
	Body struct {
		Email    string        `json:"email" minLength:"3" maxLength:"254"`
		Name     string        `json:"name" minLength:"1" maxLength:"100"`
		Role     liveblog.Role `json:"role" enum:"admin,editor,contributor,viewer"`
		Password string        `json:"password" minLength:"1" maxLength:"1024" doc:"12 to 1024 bytes"`
	}
}

type createUserOutput struct {
	Replayed string `header:"Idempotent-Replayed" doc:"true when an earlier request with this Idempotency-Key did it"`
	Body     userBody
}

func (s *Server) createUser(ctx context.Context, in *createUserInput) (*createUserOutput, error) {
	hash, err := s.auth.HashPassword(ctx, in.Body.Password, in.Body.Email, "body.password")
	if err != nil {
		return nil, err
	}
	// Without the password: its hash would be one that is quick to guess against.
	key, err := in.key("create-user", []any{in.Body.Email, in.Body.Name, in.Body.Role})
	if err != nil {
		return nil, err
	}
	u := &liveblog.User{Email: in.Body.Email, Name: in.Body.Name, Role: in.Body.Role, PasswordHash: hash}
	created, replayed, err := s.users.CreateUserOnce(ctx, liveblog.ActorOf(ctx), key, u)
	if err != nil {
		return nil, err
	}
	if !replayed {
		return &createUserOutput{Body: newUserBody(created)}, nil
	}
	if err := s.auth.SamePassword(ctx, created.PasswordHash, in.Body.Password); err != nil {
		return nil, err
	}
	return &createUserOutput{Replayed: "true", Body: newUserBody(created)}, nil
}

type updateUserInput struct {
	ID   string `path:"id" maxLength:"36"`
	Body struct {
		Name     *string        `json:"name,omitempty" minLength:"1" maxLength:"100"`
		Role     *liveblog.Role `json:"role,omitempty" enum:"admin,editor,contributor,viewer"`
		Disabled *bool          `json:"disabled,omitempty"`
	}
}

func (s *Server) updateUser(ctx context.Context, in *updateUserInput) (*userOutput, error) {
	id, err := userID(in.ID)
	if err != nil {
		return nil, err
	}
	change := liveblog.UserChange{Name: in.Body.Name, Role: in.Body.Role, Disabled: in.Body.Disabled}
	u, err := s.users.UpdateUser(ctx, liveblog.ActorOf(ctx), id, change)
	if err != nil {
		return nil, err
	}
	return &userOutput{newUserBody(u)}, nil
}

// userID reads a user's id from a path; what is no id belongs to nobody.
func userID(s string) (uuid.UUID, error) {
	id, err := uuid.Parse(s)
	if err != nil || id.String() != s {
		return uuid.Nil, liveblog.Errorf(liveblog.ErrNotFound, "user_not_found", "there is no such user")
	}
	return id, nil
}
