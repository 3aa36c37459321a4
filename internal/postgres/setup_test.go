package postgres_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"dateline/internal/liveblog"
	"dateline/internal/proof/pgtest"
)

func TestSetup_OneOfManyClaimsWins(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	links := make([]string, 2) // as two nodes print them
	for i := range links {
		link, err := db.CreateSetupToken(t.Context(), system)
		if err != nil {
			t.Fatal(err)
		}
		links[i] = link
	}
	errs := together(20, func(i int) error {
		u := newUser(fmt.Sprintf("user%d@example.org", i), liveblog.RoleAdmin)
		return db.ClaimSetup(context.Background(), system, links[i%2], u)
	})
	if succeeded(errs) != 1 {
		t.Fatalf("%d claims won: %v", succeeded(errs), errs)
	}
	for _, err := range errs {
		if err != nil {
			wantKind(t, "lost claim", err, liveblog.ErrConflict)
		}
	}
	if users, err := db.Users(t.Context()); err != nil || len(users) != 1 {
		t.Errorf("got %d users, %v", len(users), err)
	}
}

func TestSetup_Links(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	link, err := db.CreateSetupToken(t.Context(), system)
	if err != nil || len(link) < 43 {
		t.Fatalf("got %q, %v", link, err)
	}
	anna := newUser("anna@example.org", liveblog.RoleAdmin)
	for name, wrong := range map[string]string{"empty": "", "other": strings.Repeat("A", 52), "cut": link[1:]} {
		wantKind(t, name, db.CheckSetupToken(t.Context(), wrong), liveblog.ErrForbidden)
		wantKind(t, name, db.ClaimSetup(t.Context(), system, wrong, anna), liveblog.ErrForbidden)
	}
	wantKind(t, "bad user", db.ClaimSetup(t.Context(), system, link, newUser("x", "")), liveblog.ErrInvalid)
	if err := db.CheckSetupToken(t.Context(), link); err != nil {
		t.Errorf("a failed claim used the link up: %v", err)
	}
	mustExec(t, db, `UPDATE setup_tokens SET expires_at = now()`)
	wantKind(t, "expired", db.ClaimSetup(t.Context(), system, link, anna), liveblog.ErrForbidden)
}

func TestSetup_OverWhenThereIsAUser(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	link, err := db.CreateSetupToken(t.Context(), system)
	if err != nil {
		t.Fatal(err)
	}
	made, err := db.CreateFirstUser(t.Context(), system, newUser("root@example.org", liveblog.RoleAdmin))
	if err != nil || !made {
		t.Fatalf("got %v, %v", made, err)
	}
	again, err := db.CreateFirstUser(t.Context(), system, newUser("other@example.org", liveblog.RoleAdmin))
	if err != nil || again {
		t.Errorf("a second first user: %v, %v", again, err)
	}
	wantKind(t, "check", db.CheckSetupToken(t.Context(), link), liveblog.ErrConflict)
	wantKind(t, "claim", db.ClaimSetup(t.Context(), system, link, newUser("x@example.org", liveblog.RoleAdmin)), liveblog.ErrConflict)
	_, err = db.CreateSetupToken(t.Context(), system)
	wantKind(t, "another link", err, liveblog.ErrConflict)
	if needed, err := db.NeedsSetup(t.Context()); needed || err != nil {
		t.Errorf("needs setup: %v, %v", needed, err)
	}
}
