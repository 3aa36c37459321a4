package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/pgtest"
	"dateline/internal/postgres"

	"github.com/google/uuid"
)

var system = liveblog.Actor{RequestID: "test", Address: "192.0.2.1"}

func newUser(email string, role liveblog.Role) *liveblog.User {
	return &liveblog.User{Email: email, Name: "Some One", Role: role, PasswordHash: "hash of " + email}
}

func mustCreateUser(t *testing.T, db *postgres.DB, email string, role liveblog.Role) *liveblog.User {
	t.Helper()
	u := newUser(email, role)
	if err := db.CreateUser(t.Context(), system, u); err != nil {
		t.Fatal(err)
	}
	return u
}

func mustCreateSession(t *testing.T, db *postgres.DB, user uuid.UUID) *liveblog.Session {
	t.Helper()
	s := &liveblog.Session{ID: uuid.New(), UserID: user, UserAgent: "Test/1.0"}
	if err := db.CreateSession(t.Context(), system, s); err != nil {
		t.Fatal(err)
	}
	return s
}

func mustExec(t *testing.T, db *postgres.DB, sql string, args ...any) {
	t.Helper()
	if _, err := db.Pool().Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// audited lists the actions in the audit log, in order.
func audited(t *testing.T, db *postgres.DB) (actions []string) {
	t.Helper()
	err := db.Pool().QueryRow(t.Context(), `SELECT coalesce(array_agg(action ORDER BY id), '{}') FROM audit`).Scan(&actions)
	if err != nil {
		t.Fatal(err)
	}
	return actions
}

func wantKind(t *testing.T, what string, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%s: got %v, want %v", what, err, kind)
	}
}

// together runs f n times at once and returns the errors.
func together(n int, f func(i int) error) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

func succeeded(errs []error) (n int) {
	for _, err := range errs {
		if err == nil {
			n++
		}
	}
	return n
}

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

// Two admins who demote each other at once leave one admin.
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

func TestSigningKeys_AllNodesGetTheSame(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	all := make([][]liveblog.SigningKey, 10)
	errs := together(10, func(i int) (err error) {
		all[i], err = db.SigningKeys(context.Background(), system)
		return err
	})
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for _, keys := range all {
		if len(keys) != 2 || !bytes.Equal(keys[0].Secret, all[0][0].Secret) || !bytes.Equal(keys[1].Secret, all[0][1].Secret) {
			t.Fatalf("the nodes hold different keys")
		}
	}
	if got := audited(t, db); len(got) != 2 {
		t.Errorf("audit log: %v", got)
	}
}

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

func TestMembers(t *testing.T) {
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
		t.Errorf("a stranger is %q", got)
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

func TestAttempts_WindowAndRefund(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	count := func(key string) int {
		t.Helper()
		n, left, err := db.CountAttempt(t.Context(), key, time.Minute)
		if err != nil || left <= 0 || left > time.Minute {
			t.Fatalf("left %v, %v", left, err)
		}
		return n
	}
	if a, b, other := count("a"), count("a"), count("b"); a != 1 || b != 2 || other != 1 {
		t.Errorf("counted %d, %d, %d", a, b, other)
	}
	if err := db.RefundAttempt(t.Context(), "a"); err != nil || count("a") != 2 {
		t.Errorf("a refund has no effect: %v", err)
	}
	mustExec(t, db, `UPDATE login_failures SET window_start = now() - interval '61 seconds'`)
	if n := count("a"); n != 1 {
		t.Errorf("a new window starts with %d", n)
	}
	mustExec(t, db, `UPDATE login_failures SET window_start = now() - interval '2 days' WHERE key = 'b'`)
	if err := db.ForgetAttempts(t.Context()); err != nil || count("a") != 2 || count("b") != 1 {
		t.Errorf("forgot too much or too little: %v", err)
	}
}

// Many attempts at once are all counted: none slips through between a read and a write.
func TestAttempts_Concurrent(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	seen := make([]int, 20)
	errs := together(20, func(i int) (err error) {
		seen[i], _, err = db.CountAttempt(context.Background(), "a", time.Minute)
		return err
	})
	slices.Sort(seen)
	if err := errors.Join(errs...); err != nil || seen[0] != 1 || seen[19] != 20 || len(slices.Compact(seen)) != 20 {
		t.Errorf("counted %v, %v", seen, err)
	}
}
