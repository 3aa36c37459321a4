package postgres_test

import (
	"errors"
	"sync"
	"testing"

	"dateline/internal/liveblog"
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

// Two admins who demote each other at once leave one admin.

// Many attempts at once are all counted: none slips through between a read and a write.
