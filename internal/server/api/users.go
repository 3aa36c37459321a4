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
	"github.com/google/uuid"
)

// UserStore keeps users.
type UserStore interface {
	// Users lists all users by name.
	Users(ctx context.Context) ([]liveblog.User, error)
	// CreateUserOnce stores a new user; a taken address is ErrConflict. For a key that
	// was used before it returns the user which that request created, and true.
	CreateUserOnce(ctx context.Context, a liveblog.Actor, key liveblog.IdempotencyKey, u *liveblog.User) (*liveblog.User, bool, error)
	// UpdateUser changes a user, or ErrNotFound, or ErrConflict for the last admin.
	UpdateUser(ctx context.Context, a liveblog.Actor, id uuid.UUID, change liveblog.UserChange) (*liveblog.User, error)
}

// Users serves the operations on users.
type Users struct {
	doc   *operation.Document
	store UserStore
	auth  *auth.Service
}

// NewUsers makes Users.
func NewUsers(doc *operation.Document, store UserStore, service *auth.Service) *Users {
	return &Users{doc, store, service}
}

// List lists the users.
func (u *Users) List() access.Handler {
	return operation.New(u.doc, huma.Operation{OperationID: "list-users", Summary: "List the users", Tags: []string{"Users"}}, u.list)
}

// Create creates a user.
func (u *Users) Create() access.Handler {
	return operation.New(u.doc, huma.Operation{
		OperationID: "create-user", Summary: "Create a user", Tags: []string{"Users"},
		DefaultStatus: http.StatusCreated, MaxBodyBytes: maxSignIn,
	}, u.create)
}

// Update changes a user.
func (u *Users) Update() access.Handler {
	return operation.New(u.doc, huma.Operation{
		OperationID: "update-user", Tags: []string{"Users"},
		Summary:     "Change the name or role of a user, or disable the account",
		Description: "A disabled user is signed out everywhere at once. The last admin stays one.",
	}, u.update)
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

type userOutput struct{ Body userBody }

type usersOutput struct{ Body listBody[userBody] }

func (u *Users) list(ctx context.Context, _ *struct{}) (*usersOutput, error) {
	users, err := u.store.Users(ctx)
	if err != nil {
		return nil, err
	}
	return &usersOutput{newList(users, newUserBody)}, nil
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

func (u *Users) create(ctx context.Context, in *createUserInput) (*createUserOutput, error) {
	hash, err := u.auth.HashPassword(ctx, in.Body.Password, in.Body.Email, "body.password")
	if err != nil {
		return nil, err
	}
	// The password is left out: a quick hash of it would help to guess it.
	key, err := in.key("create-user", []any{in.Body.Email, in.Body.Name, in.Body.Role})
	if err != nil {
		return nil, err
	}
	user := &liveblog.User{Email: in.Body.Email, Name: in.Body.Name, Role: in.Body.Role, PasswordHash: hash}
	created, replayed, err := u.store.CreateUserOnce(ctx, liveblog.ActorOf(ctx), key, user)
	if err != nil {
		return nil, err
	}
	if !replayed {
		return &createUserOutput{Body: newUserBody(created)}, nil
	}
	if err := u.auth.SamePassword(ctx, created.PasswordHash, in.Body.Password); err != nil {
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

func (u *Users) update(ctx context.Context, in *updateUserInput) (*userOutput, error) {
	id, err := userID(in.ID)
	if err != nil {
		return nil, err
	}
	change := liveblog.UserChange{Name: in.Body.Name, Role: in.Body.Role, Disabled: in.Body.Disabled}
	user, err := u.store.UpdateUser(ctx, liveblog.ActorOf(ctx), id, change)
	if err != nil {
		return nil, err
	}
	return &userOutput{newUserBody(user)}, nil
}

// userID reads a user's id from a path; a text that is no id is ErrNotFound.
func userID(s string) (uuid.UUID, error) {
	id, err := uuid.Parse(s)
	if err != nil || id.String() != s {
		return uuid.Nil, liveblog.Errorf(liveblog.ErrNotFound, "user_not_found", "there is no such user")
	}
	return id, nil
}
