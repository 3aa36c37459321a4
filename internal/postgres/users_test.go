package postgres_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"dateline/internal/liveblog"
	"dateline/internal/proof/pgtest"

	"github.com/google/uuid"
)

func TestUsers_CreateFindUpdate(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	mustCreateUser(t, db, "root@example.org", liveblog.RoleAdmin)
	u := mustCreateUser(t, db, " Anna@Example.ORG ", liveblog.RoleEditor)
	found, err := db.UserByEmail(t.Context(), "anna@example.org")
	if err != nil || found.ID != u.ID || found.PasswordHash != u.PasswordHash {
		t.Fatalf("got %+v, %v", found, err)
	}
	name, role := "Anna\u202e  B.", liveblog.RoleViewer
	changed, err := db.UpdateUser(t.Context(), system, u.ID, liveblog.UserChange{Name: &name, Role: &role})
	if err != nil || changed.Name != "Anna B." || changed.Role != role || changed.Email != "anna@example.org" {
		t.Errorf("got %+v, %v", changed, err)
	}
	users, err := db.Users(t.Context())
	if err != nil || len(users) != 2 || users[0].ID != u.ID {
		t.Errorf("got %v, %v", users, err)
	}
	want := []string{"user.create", "user.create", "user.update"}
	if got := audited(t, db); !slices.Equal(got, want) {
		t.Errorf("audit log: %v, want %v", got, want)
	}
}

func TestUsers_Refusals(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	mustCreateUser(t, db, "anna@example.org", liveblog.RoleAdmin)
	wantKind(t, "taken address", db.CreateUser(t.Context(), system, newUser("ANNA@example.org", liveblog.RoleEditor)), liveblog.ErrConflict)
	wantKind(t, "bad address", db.CreateUser(t.Context(), system, newUser("anna", liveblog.RoleEditor)), liveblog.ErrInvalid)
	wantKind(t, "bad role", db.CreateUser(t.Context(), system, newUser("b@example.org", "owner")), liveblog.ErrInvalid)
	_, err := db.UserByEmail(t.Context(), "nobody@example.org")
	wantKind(t, "unknown address", err, liveblog.ErrNotFound)
	_, err = db.UpdateUser(t.Context(), system, uuid.New(), liveblog.UserChange{})
	wantKind(t, "unknown user", err, liveblog.ErrNotFound)
	wantKind(t, "password of nobody", db.SetPassword(t.Context(), system, uuid.New(), "x"), liveblog.ErrNotFound)
	if got := audited(t, db); len(got) != 1 {
		t.Errorf("what was refused is in the audit log: %v", got)
	}
}

func TestUsers_LastAdminStays(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	admins := []*liveblog.User{
		mustCreateUser(t, db, "a@example.org", liveblog.RoleAdmin),
		mustCreateUser(t, db, "b@example.org", liveblog.RoleAdmin),
	}
	viewer, disabled := liveblog.RoleViewer, true
	changes := []liveblog.UserChange{{Role: &viewer}, {Disabled: &disabled}}
	errs := together(2, func(i int) error {
		_, err := db.UpdateUser(context.Background(), system, admins[i].ID, changes[i])
		return err
	})
	if succeeded(errs) != 1 {
		t.Fatalf("of two demotions %d succeeded: %v", succeeded(errs), errs)
	}
	wantKind(t, "demotion of the last admin", errors.Join(errs...), liveblog.ErrConflict)
}

func TestUsers_DisablingEndsSessions(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	mustCreateUser(t, db, "root@example.org", liveblog.RoleAdmin)
	u := mustCreateUser(t, db, "anna@example.org", liveblog.RoleEditor)
	s := mustCreateSession(t, db, u.ID)
	if _, err := db.SessionUser(t.Context(), s.ID, u.ID); err != nil {
		t.Fatal(err)
	}
	yes, no := true, false
	for _, disabled := range []*bool{&yes, &no} { // enabled again, the old session stays over
		if _, err := db.UpdateUser(t.Context(), system, u.ID, liveblog.UserChange{Disabled: disabled}); err != nil {
			t.Fatal(err)
		}
		_, err := db.SessionUser(t.Context(), s.ID, u.ID)
		wantKind(t, "session", err, liveblog.ErrNotFound)
		_, _, err = db.RotateSession(t.Context(), system, s.ID, 1)
		wantKind(t, "refresh", err, liveblog.ErrUnauthorized)
	}
	if _, err := db.UpdateUser(t.Context(), system, u.ID, liveblog.UserChange{Disabled: &yes}); err != nil {
		t.Fatal(err)
	}
	err := db.CreateSession(t.Context(), system, &liveblog.Session{ID: uuid.New(), UserID: u.ID})
	wantKind(t, "new session of a disabled user", err, liveblog.ErrUnauthorized)
}

func TestUsers_PasswordChangeEndsSessions(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	u := mustCreateUser(t, db, "anna@example.org", liveblog.RoleAdmin)
	one, two := mustCreateSession(t, db, u.ID), mustCreateSession(t, db, u.ID)
	if err := db.SetPassword(t.Context(), system, u.ID, "another hash"); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*liveblog.Session{one, two} {
		_, err := db.SessionUser(t.Context(), s.ID, u.ID)
		wantKind(t, "session", err, liveblog.ErrNotFound)
	}
}

func TestUsers_UpgradeKeepsANewerPassword(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	u := mustCreateUser(t, db, "anna@example.org", liveblog.RoleAdmin)
	for _, step := range []struct{ old, hash, want string }{
		{"stale", "upgraded", u.PasswordHash},
		{u.PasswordHash, "upgraded", "upgraded"},
	} {
		if err := db.UpgradePasswordHash(t.Context(), system, u.ID, step.old, step.hash); err != nil {
			t.Fatal(err)
		}
		if found, err := db.User(t.Context(), u.ID); err != nil || found.PasswordHash != step.want {
			t.Errorf("got %+v, %v, want hash %q", found, err, step.want)
		}
	}
}
