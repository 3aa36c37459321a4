package auth

import (
	"errors"
	"slices"
	"testing"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

var (
	ourBlog   = uuid.MustParse("11111111-1111-4111-8111-111111111111")
	otherBlog = uuid.MustParse("22222222-2222-4222-8222-222222222222")
)

func user(role liveblog.Role) *liveblog.Principal {
	return &liveblog.Principal{User: &liveblog.User{ID: testUser, Role: role}, Role: role}
}

func token(blog *uuid.UUID, scopes ...liveblog.Scope) *liveblog.Principal {
	return &liveblog.Principal{TokenID: "AAAAAAAAAA", Scopes: scopes, BlogID: blog}
}

// What each principal may do on ourBlog; whatever is not listed is refused.
func TestAllow_Matrix(t *testing.T) {
	t.Parallel()
	all := []Action{ReadPublic, ReadUnpublished, SubmitPost, PublishPost, CreateBlog, EditBlog, UploadMedia, ManageMembers, ManageUsers, ManageTokens, OwnAccount, "unknown.action"}
	viewer := []Action{ReadPublic, ReadUnpublished, OwnAccount}
	contributor := append(slices.Clone(viewer), SubmitPost, UploadMedia)
	editor := append(slices.Clone(contributor), PublishPost, CreateBlog, EditBlog)
	admin := append(slices.Clone(editor), ManageMembers, ManageUsers, ManageTokens)
	posts := []Action{ReadPublic, SubmitPost, PublishPost}
	tests := []struct {
		name    string
		p       *liveblog.Principal
		member  liveblog.Role
		allowed []Action
	}{
		{"nobody", nil, "", []Action{ReadPublic}},
		{"anonymous", &liveblog.Principal{}, "", []Action{ReadPublic}},
		{"viewer", user(liveblog.RoleViewer), "", viewer},
		{"contributor", user(liveblog.RoleContributor), "", contributor},
		{"editor", user(liveblog.RoleEditor), "", editor},
		{"admin", user(liveblog.RoleAdmin), "", admin},
		{"viewer, editor of the blog", user(liveblog.RoleViewer), liveblog.RoleEditor, editor},
		{"editor, viewer of the blog", user(liveblog.RoleEditor), liveblog.RoleViewer, editor},
		{"token for reading", token(nil, liveblog.ScopeRead), "", []Action{ReadPublic, ReadUnpublished}},
		{"token for posts", token(nil, liveblog.ScopePostWrite), "", posts},
		{"token for all", token(nil, liveblog.Scopes...), "", []Action{ReadPublic, ReadUnpublished, SubmitPost, PublishPost, CreateBlog, EditBlog, UploadMedia}},
		{"token of this blog", token(&ourBlog, liveblog.ScopePostWrite), "", posts},
		{"token of another blog", token(&otherBlog, liveblog.Scopes...), "", []Action{ReadPublic}},
		{"token without scopes", token(nil), "", []Action{ReadPublic}},
		{"token, admin of the blog", token(nil), liveblog.RoleAdmin, []Action{ReadPublic}},
	}
	for _, test := range tests {
		for _, a := range all {
			err := Allow(test.p, a, &ourBlog, test.member)
			if want := slices.Contains(test.allowed, a); (err == nil) != want {
				t.Errorf("%s, %s: %v, want allowed %v", test.name, a, err, want)
			}
		}
	}
}

func TestAllow_BoundTokenStaysOutsideOfOtherThings(t *testing.T) {
	t.Parallel()
	bound := token(&ourBlog, liveblog.Scopes...)
	if err := Allow(bound, CreateBlog, nil, ""); !errors.Is(err, liveblog.ErrForbidden) {
		t.Errorf("a token of one blog may create another: %v", err)
	}
	if err := Allow(bound, UploadMedia, nil, ""); err != nil {
		t.Errorf("a token of one blog may not upload for it: %v", err)
	}
}

func TestAllow_SaysWhetherSigningInHelps(t *testing.T) {
	t.Parallel()
	if err := Allow(nil, EditBlog, nil, ""); !errors.Is(err, liveblog.ErrUnauthorized) {
		t.Errorf("nobody: %v", err)
	}
	if err := Allow(user(liveblog.RoleViewer), EditBlog, nil, ""); !errors.Is(err, liveblog.ErrForbidden) {
		t.Errorf("viewer: %v", err)
	}
}

func TestPermissions_FollowThePolicy(t *testing.T) {
	t.Parallel()
	got := Permissions(user(liveblog.RoleContributor), nil, liveblog.RoleNone)
	if want := []Action{OwnAccount, UploadMedia, SubmitPost, ReadUnpublished}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	blog := uuid.New()
	if got := Permissions(user(liveblog.RoleViewer), &blog, liveblog.RoleEditor); !slices.Contains(got, PublishPost) {
		t.Errorf("a viewer who is the blog's editor may only %v", got)
	}
	if got := Permissions(nil, nil, liveblog.RoleNone); len(got) != 0 {
		t.Errorf("nobody may %v", got)
	}
}
