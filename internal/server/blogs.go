package server

import (
	"context"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

// BlogStore keeps blogs.
type BlogStore interface {
	// Blog finds a blog by its slug, or ErrNotFound.
	Blog(ctx context.Context, slug string) (*liveblog.Blog, error)
	// MemberRole is a user's role on one blog; RoleNone for non-members.
	MemberRole(ctx context.Context, blogID, userID uuid.UUID) (liveblog.Role, error)
}

func (s *Server) blogRoutes() {}
