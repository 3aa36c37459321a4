package postgres_test

import (
	"slices"
	"testing"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/proof/pgtest"
)

func TestTokens_Life(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	u := mustCreateUser(t, db, "anna@example.org", liveblog.RoleAdmin)
	token := &liveblog.Token{
		ID: "AAAAAAAAAA", Name: "wire", Hash: []byte("hash"), Scopes: []liveblog.Scope{liveblog.ScopeRead},
		CreatedBy: &u.ID, ExpiresAt: time.Now().Add(time.Hour),
	}
	if err := db.CreateToken(t.Context(), system, token); err != nil {
		t.Fatal(err)
	}
	if err := db.TouchToken(t.Context(), token.ID); err != nil {
		t.Fatal(err)
	}
	found, err := db.Token(t.Context(), token.ID)
	if err != nil || found.LastUsedAt == nil || !slices.Equal(found.Scopes, token.Scopes) || *found.CreatedBy != u.ID {
		t.Fatalf("got %+v, %v", found, err)
	}
	if err := db.RevokeToken(t.Context(), system, token.ID); err != nil {
		t.Fatal(err)
	}
	wantKind(t, "second revocation", db.RevokeToken(t.Context(), system, token.ID), liveblog.ErrNotFound)
	if list, err := db.Tokens(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("a revoked token is listed: %v, %v", list, err)
	}
	want := []string{"user.create", "token.create", "token.revoke"}
	if got := audited(t, db); !slices.Equal(got, want) {
		t.Errorf("audit log: %v, want %v", got, want)
	}
}

func TestTokens_UseIsNotedOnceAMinute(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	token := &liveblog.Token{ID: "AAAAAAAAAA", Name: "wire", Hash: []byte("hash"), Scopes: []liveblog.Scope{}, ExpiresAt: time.Now().Add(time.Hour)}
	if err := db.CreateToken(t.Context(), system, token); err != nil {
		t.Fatal(err)
	}
	used := func() time.Time {
		t.Helper()
		if err := db.TouchToken(t.Context(), token.ID); err != nil {
			t.Fatal(err)
		}
		found, err := db.Token(t.Context(), token.ID)
		if err != nil {
			t.Fatal(err)
		}
		return *found.LastUsedAt
	}
	first := used()
	if second := used(); !second.Equal(first) {
		t.Errorf("noted at %v and again at %v", first, second)
	}
	mustExec(t, db, `UPDATE api_tokens SET last_used_at = now() - interval '61 seconds'`)
	if third := used(); time.Since(third) > 30*time.Second {
		t.Errorf("after a minute it is still %v", third)
	}
}

// Whether a token's time is over is the database's to say: the clocks of nodes differ.
func TestTokens_ExpireByTheClockOfTheDatabase(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	token := &liveblog.Token{ID: "ABCDEFGHIJ", Name: "feed", Hash: make([]byte, 32), Scopes: []liveblog.Scope{liveblog.ScopeRead}, ExpiresAt: time.Now().Add(time.Hour)}
	if err := db.CreateToken(t.Context(), nobody, token); err != nil {
		t.Fatal(err)
	}
	for shift, want := range map[string]bool{"1 minute": false, "-1 second": true} {
		mustExec(t, db, `UPDATE api_tokens SET expires_at = now() + $1::interval`, shift)
		got, err := db.Token(t.Context(), token.ID)
		if err != nil || got.Expired != want {
			t.Errorf("%s from its end: expired %t, %v", shift, got.Expired, err)
		}
	}
}
