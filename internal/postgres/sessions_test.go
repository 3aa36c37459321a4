package postgres_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/proof/pgtest"

	"github.com/google/uuid"
)

func TestSessions_Rotate(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	u := mustCreateUser(t, db, "anna@example.org", liveblog.RoleAdmin)
	s := mustCreateSession(t, db, u.ID)
	if s.Generation != 1 || time.Until(s.ExpiresAt) < 13*24*time.Hour {
		t.Fatalf("got %+v", s)
	}
	for want := int64(2); want < 5; want++ {
		next, owner, err := db.RotateSession(t.Context(), system, s.ID, want-1)
		if err != nil || next.Generation != want || owner.ID != u.ID {
			t.Fatalf("got %+v, %+v, %v", next, owner, err)
		}
	}
}

func TestSessions_RefusedRefreshes(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	u := mustCreateUser(t, db, "anna@example.org", liveblog.RoleAdmin)
	tests := []struct {
		name       string
		change     string // of the session, which is at generation 3
		generation int64
		good       bool
		revoked    bool
	}{
		{"current", "", 3, true, false},
		{"the one before, at once", "", 2, true, false},
		{"the one before, late", "rotated_at = now() - interval '11 seconds'", 2, false, true},
		{"two before, at once", "", 1, false, true},
		{"from the future", "", 4, false, false},
		{"zero", "", 0, false, true},
		{"negative", "", -1, false, true},
		{"idle for too long", "expires_at = now() - interval '1 second'", 3, false, false},
		{"revoked", "revoked_at = now()", 3, false, true},
		{"revoked, the one before", "revoked_at = now()", 2, false, true},
	}
	for _, test := range tests {
		s := mustCreateSession(t, db, u.ID)
		mustExec(t, db, `UPDATE sessions SET generation = 3 WHERE id = $1`, s.ID)
		if test.change != "" {
			mustExec(t, db, `UPDATE sessions SET `+test.change+` WHERE id = $1`, s.ID)
		}
		_, _, err := db.RotateSession(t.Context(), system, s.ID, test.generation)
		if (err == nil) != test.good || err != nil && !errors.Is(err, liveblog.ErrUnauthorized) {
			t.Errorf("%s: %v", test.name, err)
		}
		_, err = db.SessionUser(t.Context(), s.ID, u.ID)
		if revoked := err != nil; revoked != test.revoked && test.name != "idle for too long" {
			t.Errorf("%s: revoked %v, want %v", test.name, revoked, test.revoked)
		}
	}
	_, _, err := db.RotateSession(t.Context(), system, uuid.New(), 1)
	wantKind(t, "unknown session", err, liveblog.ErrUnauthorized)
	if got := audited(t, db); !slices.Contains(got, "session.reuse") {
		t.Errorf("a reuse is not in the audit log: %v", got)
	}
}

func TestSessions_EndAfterNinetyDays(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	u := mustCreateUser(t, db, "anna@example.org", liveblog.RoleAdmin)
	s := mustCreateSession(t, db, u.ID)
	mustExec(t, db, `UPDATE sessions SET created_at = now() - interval '89 days' WHERE id = $1`, s.ID)
	next, _, err := db.RotateSession(t.Context(), system, s.ID, 1)
	if err != nil || time.Until(next.ExpiresAt) > 25*time.Hour {
		t.Errorf("got %+v, %v", next, err)
	}
}

func TestSessions_ConcurrentRefreshesAgree(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	u := mustCreateUser(t, db, "anna@example.org", liveblog.RoleAdmin)
	s := mustCreateSession(t, db, u.ID)
	generations := make([]int64, 20)
	errs := together(20, func(i int) error {
		next, _, err := db.RotateSession(context.Background(), system, s.ID, 1)
		if err == nil {
			generations[i] = next.Generation
		}
		return err
	})
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for _, g := range generations {
		if g != 2 {
			t.Fatalf("generations %v, want all 2", generations)
		}
	}
}

func TestSessions_UserAgentIsClipped(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	u := mustCreateUser(t, db, "anna@example.org", liveblog.RoleAdmin)
	s := &liveblog.Session{ID: uuid.New(), UserID: u.ID, UserAgent: "\x00\xff" + strings.Repeat("é", 1000)}
	if err := db.CreateSession(t.Context(), system, s); err != nil || len(s.UserAgent) != 300 {
		t.Errorf("kept %d bytes, %v", len(s.UserAgent), err)
	}
}

func TestSessions_Forget(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	u := mustCreateUser(t, db, "anna@example.org", liveblog.RoleAdmin)
	old, fresh := mustCreateSession(t, db, u.ID), mustCreateSession(t, db, u.ID)
	mustExec(t, db, `UPDATE sessions SET expires_at = now() - interval '91 days' WHERE id = $1`, old.ID)
	if err := db.ForgetSessions(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left []uuid.UUID
	if err := db.Pool().QueryRow(t.Context(), `SELECT array_agg(id) FROM sessions`).Scan(&left); err != nil || !slices.Equal(left, []uuid.UUID{fresh.ID}) {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestSessions_RevokedOnceInTheLog(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	u := mustCreateUser(t, db, "anna@example.org", liveblog.RoleAdmin)
	s := mustCreateSession(t, db, u.ID)
	for range 2 {
		if err := db.RevokeSession(t.Context(), system, s.ID); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"user.create", "session.create", "session.revoke"}
	if got := audited(t, db); !slices.Equal(got, want) {
		t.Errorf("audit log: %v, want %v", got, want)
	}
}
