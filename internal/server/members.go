package server

import (
	"context"
	"net/http"

	"dateline/internal/auth"
	"dateline/internal/liveblog"

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

func (s *Server) memberRoutes() {
	register(s, huma.Operation{
		OperationID: "list-members", Method: http.MethodGet, Path: "/api/v1/blogs/{slug}/members", Tags: []string{"Members"},
		Summary: "List the members of a blog",
	}, auth.ManageMembers, s.listMembers)
	register(s, huma.Operation{
		OperationID: "get-member", Method: http.MethodGet, Path: "/api/v1/blogs/{slug}/members/{user_id}", Tags: []string{"Members"},
		Summary: "The role of a user on a blog",
	}, auth.ManageMembers, s.showMember)
	register(s, huma.Operation{
		OperationID: "set-member", Method: http.MethodPut, Path: "/api/v1/blogs/{slug}/members/{user_id}", Tags: []string{"Members"},
		Summary: "Give a user a role on a blog",
	}, auth.ManageMembers, s.setMember)
	register(s, huma.Operation{
		OperationID: "remove-member", Method: http.MethodDelete, Path: "/api/v1/blogs/{slug}/members/{user_id}", Tags: []string{"Members"},
		Summary: "Take a user's role on a blog away", DefaultStatus: http.StatusNoContent,
	}, auth.ManageMembers, s.removeMember)
}

type MemberPath struct {
	BlogPath
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

func (s *Server) listMembers(ctx context.Context, _ *BlogPath) (*membersOutput, error) {
	members, err := s.members.Members(ctx, blogOf(ctx).blog.ID)
	if err != nil {
		return nil, err
	}
	out := &membersOutput{listBody[memberBody]{Items: make([]memberBody, len(members))}}
	for i := range members {
		out.Body.Items[i] = newMemberBody(&members[i])
	}
	return out, nil
}

func (s *Server) showMember(ctx context.Context, in *MemberPath) (*memberOutput, error) {
	members, err := s.members.Members(ctx, blogOf(ctx).blog.ID)
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

func (s *Server) setMember(ctx context.Context, in *setMemberInput) (*memberOutput, error) {
	id, err := userID(in.UserID)
	if err != nil {
		return nil, err
	}
	m, err := s.members.SetMember(ctx, liveblog.ActorOf(ctx), blogOf(ctx).blog.ID, id, in.Body.Role)
	if err != nil {
		return nil, err
	}
	return &memberOutput{newMemberBody(m)}, nil
}

func (s *Server) removeMember(ctx context.Context, in *MemberPath) (*struct{}, error) {
	id, err := userID(in.UserID)
	if err != nil {
		return nil, err
	}
	return nil, s.members.RemoveMember(ctx, liveblog.ActorOf(ctx), blogOf(ctx).blog.ID, id)
}
