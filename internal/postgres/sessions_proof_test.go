package postgres_test

import (
	"errors"
	"testing"

	"dateline/internal/liveblog"
	"dateline/internal/proof/pgtest"

	"github.com/google/uuid"
)

// A sign-in that checked the old password just before it was changed opens no
// session after it.
func TestCreateSession_NotAfterThePasswordWasChanged(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	u := &liveblog.User{Email: "ada@example.org", Name: "Ada", Role: liveblog.RoleEditor, PasswordHash: "old"}
	if err := db.CreateUser(t.Context(), nobody, u); err != nil {
		t.Fatal(err)
	}
	session := func(proof string) *liveblog.Session {
		return &liveblog.Session{ID: uuid.New(), UserID: u.ID, Proof: proof}
	}
	if err := db.CreateSession(t.Context(), nobody, session("old")); err != nil {
		t.Fatal(err)
	}
	if err := db.SetPassword(t.Context(), nobody, u.ID, "new"); err != nil {
		t.Fatal(err)
	}
	if err := db.CreateSession(t.Context(), nobody, session("old")); !errors.Is(err, liveblog.ErrUnauthorized) {
		t.Errorf("with the old password: %v", err)
	}
	if err := db.CreateSession(t.Context(), nobody, session("new")); err != nil {
		t.Errorf("with the new one: %v", err)
	}
}
