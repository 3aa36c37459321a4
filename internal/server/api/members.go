package api

import (
	"context"
	"net/http"

	"dateline/internal/liveblog"
	"dateline/internal/server/access"
	"dateline/internal/server/operation"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
)

// MemberStore keeps the roles of users on single blogs.
type MemberStore interface {
	// Members lists the members of a blog by name.
	Members(ctx context.Context, blogID uuid.UUID) ([]liveblog.Member, error)
	// SetMember adds a member or changes the role of one, or ErrNotFound.
	SetMember(ctx context.Context, a liveblog.Actor, blogID, userID uuid.UUID, role liveblog.Role) (*liveblog.Member, error)
	// RemoveMember ends a membership, or ErrNotFound.
	RemoveMember(ctx context.Context, a liveblog.Actor, blogID, userID uuid.UUID) error
}

// Members serves the operations on the members of a blog.
type Members struct {
	doc   *operation.Document
	store MemberStore
}

// NewMembers makes Members.
func NewMembers(doc *operation.Document, store MemberStore) *Members { return &Members{doc, store} }

func memberOp(id, summary string) huma.Operation {
	return huma.Operation{OperationID: id, Summary: summary, Tags: []string{"Members"}}
}

// List lists members.
func (m *Members) List() access.Handler {
	return operation.New(m.doc, memberOp("list-members", "List the members of a blog"), m.list)
}

// Get shows one member.
func (m *Members) Get() access.Handler {
	return operation.New(m.doc, memberOp("get-member", "The role of a user on a blog"), m.get)
}

// Set adds a member or changes its role.
func (m *Members) Set() access.Handler {
	return operation.New(m.doc, memberOp("set-member", "Give a user a role on a blog"), m.set)
}

// Remove ends a membership.
func (m *Members) Remove() access.Handler {
	op := memberOp("remove-member", "Take a user's role on a blog away")
	op.DefaultStatus = http.StatusNoContent
	return operation.New(m.doc, op, m.remove)
}

// MemberPath is the path of one member.
type MemberPath struct {
	operation.BlogPath
	UserID string `path:"user_id" maxLength:"36"`
}

type memberBody struct {
	User userBody      `json:"user"`
	Role liveblog.Role `json:"role" enum:"editor,contributor,viewer"`
}

func newMemberBody(m *liveblog.Member) memberBody {
	return memberBody{newUserBody(&m.User), m.Role}
}

type memberOutput struct{ Body memberBody }

type membersOutput struct{ Body listBody[memberBody] }

func (m *Members) list(ctx context.Context, _ *operation.BlogPath) (*membersOutput, error) {
	members, err := m.store.Members(ctx, access.BlogOf(ctx).Blog.ID)
	if err != nil {
		return nil, err
	}
	return &membersOutput{newList(members, newMemberBody)}, nil
}

func (m *Members) get(ctx context.Context, in *MemberPath) (*memberOutput, error) {
	members, err := m.store.Members(ctx, access.BlogOf(ctx).Blog.ID)
	if err != nil {
		return nil, err
	}
	for i := range members {
		if members[i].User.ID.String() == in.UserID {
			return &memberOutput{newMemberBody(&members[i])}, nil
		}
	}
	return nil, liveblog.Errorf(liveblog.ErrNotFound, "member_not_found", "this user is no member of the blog")
}

type setMemberInput struct {
	MemberPath
	Body struct {
		Role liveblog.Role `json:"role" enum:"editor,contributor,viewer"`
	}
}

func (m *Members) set(ctx context.Context, in *setMemberInput) (*memberOutput, error) {
	id, err := userID(in.UserID)
	if err != nil {
		return nil, err
	}
	member, err := m.store.SetMember(ctx, liveblog.ActorOf(ctx), access.BlogOf(ctx).Blog.ID, id, in.Body.Role)
	if err != nil {
		return nil, err
	}
	return &memberOutput{newMemberBody(member)}, nil
}

func (m *Members) remove(ctx context.Context, in *MemberPath) (*struct{}, error) {
	id, err := userID(in.UserID)
	if err != nil {
		return nil, err
	}
	return nil, m.store.RemoveMember(ctx, liveblog.ActorOf(ctx), access.BlogOf(ctx).Blog.ID, id)
}
