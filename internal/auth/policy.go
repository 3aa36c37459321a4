// Package auth authenticates principals and decides what they may do: passwords, JWT
// access tokens, refresh sessions, API tokens and the policy table. It starts no
// goroutines.
package auth

import (
	"maps"
	"slices"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

// Action is what a request asks to do. Every route has exactly one.
type Action string

// The actions of the product.
const (
	ReadPublic      Action = "public.read"      // anything a reader may see
	ReadUnpublished Action = "unpublished.read" // drafts, revisions, removed posts
	SubmitPost      Action = "post.submit"      // create and edit own unpublished posts
	PublishPost     Action = "post.publish"     // change what readers see
	CreateBlog      Action = "blog.create"
	EditBlog        Action = "blog.edit"
	UploadMedia     Action = "media.upload"
	ManageMembers   Action = "member.manage"
	ManageUsers     Action = "user.manage"
	ManageTokens    Action = "token.manage"
	OwnAccount      Action = "account.own" // one's own password and session
)

// rule is a row of the policy table. role is the least role that a user needs, on the
// blog if there is one. scope is what a token needs; without a scope, no token is
// allowed.
type rule struct {
	role  liveblog.Role
	scope liveblog.Scope
}

var policy = map[Action]rule{
	ReadUnpublished: {liveblog.RoleViewer, liveblog.ScopeRead},
	SubmitPost:      {liveblog.RoleContributor, liveblog.ScopePostWrite},
	PublishPost:     {liveblog.RoleEditor, liveblog.ScopePostWrite},
	CreateBlog:      {liveblog.RoleEditor, liveblog.ScopeBlogWrite},
	EditBlog:        {liveblog.RoleEditor, liveblog.ScopeBlogWrite},
	UploadMedia:     {liveblog.RoleContributor, liveblog.ScopeMedia},
	ManageMembers:   {role: liveblog.RoleAdmin},
	ManageUsers:     {role: liveblog.RoleAdmin},
	ManageTokens:    {role: liveblog.RoleAdmin},
	OwnAccount:      {role: liveblog.RoleViewer},
}

// Permissions lists in their order the actions that p may do: on every blog, or, if blogID
// is set, on that one with the role of a member.
func Permissions(p *liveblog.Principal, blogID *uuid.UUID, member liveblog.Role) []Action {
	allowed := []Action{}
	for _, a := range slices.Sorted(maps.Keys(policy)) {
		if Allow(p, a, blogID, member) == nil {
			allowed = append(allowed, a)
		}
	}
	return allowed
}

// Allow returns nil if p may do a, ErrUnauthorized if p is anonymous, and otherwise
// ErrForbidden. An action that is not in the policy table is forbidden. For an action on
// a blog, blogID is set and member is the user's role on it.
func Allow(p *liveblog.Principal, a Action, blogID *uuid.UUID, member liveblog.Role) error {
	if a == ReadPublic {
		return nil
	}
	if p.Anonymous() {
		return liveblog.Errorf(liveblog.ErrUnauthorized, "not_signed_in", "sign in, or send an API token")
	}
	r, known := policy[a]
	if known && p.User != nil && (p.Role.AtLeast(r.role) || member.AtLeast(r.role)) {
		return nil
	}
	if known && p.User == nil && tokenAllows(p, r, a, blogID) {
		return nil
	}
	return liveblog.Errorf(liveblog.ErrForbidden, "not_allowed", "you may not do this: %s", a)
}

// AllowMedia reports whether p, who may upload pictures, may also read and change the
// texts of m: its uploader may, and editors of its blog or of all blogs. A token that is
// bound to a blog may for that blog's pictures only.
func AllowMedia(p *liveblog.Principal, m *liveblog.Media, member liveblog.Role) bool {
	if p.User == nil {
		return p.BlogID == nil || m.BlogID != nil && *m.BlogID == *p.BlogID
	}
	own := m.CreatedBy != nil && *m.CreatedBy == p.User.ID
	return own || p.Role.AtLeast(liveblog.RoleEditor) || member.AtLeast(liveblog.RoleEditor)
}

// tokenAllows reports whether a token may do a. A token that is bound to a blog may act on
// that blog only. It may upload a picture without naming a blog, since the picture then
// belongs to its own.
func tokenAllows(p *liveblog.Principal, r rule, a Action, blogID *uuid.UUID) bool {
	if r.scope == "" || !p.Has(r.scope) {
		return false
	}
	if p.BlogID == nil || a == UploadMedia && blogID == nil {
		return true
	}
	return blogID != nil && *blogID == *p.BlogID
}
