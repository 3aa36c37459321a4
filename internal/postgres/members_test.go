package postgres_test

import (
	"testing"

	"dateline/internal/liveblog"
	"dateline/internal/proof/pgtest"

	"github.com/google/uuid"
)

func TestMembers_RolesAreSetChangedAndRemoved(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	u := mustCreateUser(t, db, "anna@example.org", liveblog.RoleViewer)
	blog := uuid.New()
	mustExec(t, db, `INSERT INTO blogs (id, slug, title, status) VALUES ($1, 'cup-final', 'Cup final', 'live')`, blog)
	role := func() liveblog.Role {
		t.Helper()
		r, err := db.MemberRole(t.Context(), blog, u.ID)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if got := role(); got != liveblog.RoleNone {
		t.Errorf("a user who is no member is %q", got)
	}
	for _, want := range []liveblog.Role{liveblog.RoleContributor, liveblog.RoleEditor} {
		m, err := db.SetMember(t.Context(), system, blog, u.ID, want)
		if err != nil || m.Role != want || m.User.Email != u.Email || role() != want {
			t.Fatalf("got %+v, %v", m, err)
		}
	}
	if list, err := db.Members(t.Context(), blog); err != nil || len(list) != 1 || list[0].User.PasswordHash != "" {
		t.Errorf("got %+v, %v", list, err)
	}
	_, err := db.SetMember(t.Context(), system, blog, uuid.New(), liveblog.RoleEditor)
	wantKind(t, "unknown user", err, liveblog.ErrNotFound)
	if err := db.RemoveMember(t.Context(), system, blog, u.ID); err != nil || role() != liveblog.RoleNone {
		t.Errorf("removed: %v, still %q", err, role())
	}
	wantKind(t, "second removal", db.RemoveMember(t.Context(), system, blog, u.ID), liveblog.ErrNotFound)
}
