package postgres_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/pgtest"

	"github.com/google/uuid"
)

// A database that gives no answer is reported within 5 s, whatever is asked.
func TestReads_EndWhenNoConnectionIsFree(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for range db.Pool().Config().MaxConns {
		conn, err := db.Pool().Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Release)
	}
	id := uuid.New()
	asks := map[string]func(context.Context) error{
		"session":     func(ctx context.Context) error { _, err := db.SessionUser(ctx, id, id); return err },
		"token":       func(ctx context.Context) error { _, err := db.Token(ctx, "x"); return err },
		"token's use": func(ctx context.Context) error { return db.TouchToken(ctx, "x") },
		"tokens":      func(ctx context.Context) error { _, err := db.Tokens(ctx); return err },
		"sign-in":     func(ctx context.Context) error { _, err := db.UserByEmail(ctx, "x"); return err },
		"user":        func(ctx context.Context) error { _, err := db.User(ctx, id); return err },
		"users":       func(ctx context.Context) error { _, err := db.Users(ctx); return err },
		"attempt":     func(ctx context.Context) error { _, err := db.CountAttempt(ctx, "x", liveblog.Patience{}); return err },
		"refund":      func(ctx context.Context) error { return db.RefundAttempt(ctx, "x") },
		"role":        func(ctx context.Context) error { _, err := db.MemberRole(ctx, id, id); return err },
		"members":     func(ctx context.Context) error { _, err := db.Members(ctx, id); return err },
		"setup":       func(ctx context.Context) error { _, err := db.NeedsSetup(ctx); return err },
		"setup link":  func(ctx context.Context) error { return db.CheckSetupToken(ctx, "x") },
		"page":        func(ctx context.Context) error { _, err := db.Page(ctx, "x", liveblog.PageQuery{}); return err },
		"ping":        db.Ping,
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	began := time.Now()
	var all sync.WaitGroup
	for what, ask := range asks {
		all.Go(func() {
			if err := ask(ctx); !errors.Is(err, liveblog.ErrUnavailable) || time.Since(began) > 5*time.Second {
				t.Errorf("%s: %v after %v", what, err, time.Since(began))
			}
		})
	}
	all.Wait()
}
