// Package auth decides who somebody is and what they may do: passwords, JWT
// access tokens, refresh sessions, API tokens and the policy table.
package auth

import (
	"maps"
	"slices"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

// Action is what a request wants to do. Every route names exactly one.
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

// rule is a line of the policy table. Role is the least role a user needs, on
// the blog where there is one. Scope is what a token needs; without one, no
// token may do it, whatever its scopes.
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

// Permissions lists, in order, what p may do: on every blog, or where blogID is
// set on that one, as its member.
func Permissions(p *liveblog.Principal, blogID *uuid.UUID, member liveblog.Role) []Action {
	allowed := []Action{}
	for _, a := range slices.Sorted(maps.Keys(policy)) {
		if Allow(p, a, blogID, member) == nil {
			allowed = append(allowed, a)
		}
	}
	return allowed
}

// Allow returns nil when p may do a, ErrUnauthorized when signing in might
// help, and ErrForbidden otherwise. An action outside the table is forbidden.
// For an action on a blog, blogID is set and member is the user's role on it.
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

// AllowMedia reports whether p, who may upload pictures, may also see and change
// the texts of m: who uploaded it, and who edits its blog, as its member or on all.
// A token that is bound to a blog is kept to that blog's pictures.
func AllowMedia(p *liveblog.Principal, m *liveblog.Media, member liveblog.Role) bool {
	if p.User == nil {
		return p.BlogID == nil || m.BlogID != nil && *m.BlogID == *p.BlogID
	}
	own := m.CreatedBy != nil && *m.CreatedBy == p.User.ID
	return own || p.Role.AtLeast(liveblog.RoleEditor) || member.AtLeast(liveblog.RoleEditor)
}

// tokenAllows keeps a token that is bound to one blog away from all others and
// from what concerns no blog, but for a picture that it uploads: that is its blog's.
func tokenAllows(p *liveblog.Principal, r rule, a Action, blogID *uuid.UUID) bool {
	if r.scope == "" || !p.Has(r.scope) {
		return false
	}
	if p.BlogID == nil || a == UploadMedia && blogID == nil {
		return true
	}
	return blogID != nil && *blogID == *p.BlogID
}
