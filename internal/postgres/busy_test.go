package postgres_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/postgres"
	"dateline/internal/proof/pgtest"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
)

// hold takes all connections of a pool until the test ends.
func hold(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	for range pool.Config().MaxConns {
		conn, err := pool.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Release)
	}
}

// A database that gives no answer is reported within 5 s, whatever is asked.
func TestReads_EndWhenNoConnectionIsFree(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for _, pool := range postgres.ReadPools(db) {
		hold(t, pool)
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
		"attempt": func(ctx context.Context) error {
			_, err := db.CountAttempt(ctx, "x", liveblog.AttemptLimit{})
			return err
		},
		"refund":     func(ctx context.Context) error { return db.RefundAttempt(ctx, "x") },
		"role":       func(ctx context.Context) error { _, err := db.MemberRole(ctx, id, id); return err },
		"members":    func(ctx context.Context) error { _, err := db.Members(ctx, id); return err },
		"setup":      func(ctx context.Context) error { _, err := db.NeedsSetup(ctx); return err },
		"setup link": func(ctx context.Context) error { return db.CheckSetupToken(ctx, "x") },
		"page":       func(ctx context.Context) error { _, err := db.Page(ctx, "x", liveblog.PageQuery{}); return err },
		"ping":       db.Ping,
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

// A burst of anonymous requests that occupies all connections for those leaves the others
// free: for signed-in users, for the look-up of sessions, and for the stream.
func TestReads_AnonymousBurstLeavesOthersTheirConnections(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	hold(t, postgres.ReadPools(db)[0])
	anonymous := liveblog.WithAnonymous(t.Context(), true)
	id := uuid.New()
	for what, c := range map[string]struct {
		ask func(context.Context) error
		ctx context.Context
		err error
	}{
		"anonymous page": {func(ctx context.Context) error {
			_, err := db.Page(ctx, blog.Slug, liveblog.PageQuery{Limit: 1})
			return err
		}, anonymous, liveblog.ErrUnavailable},
		"made-up token": {func(ctx context.Context) error { _, err := db.Token(ctx, "x"); return err }, anonymous, liveblog.ErrUnavailable},
		"old events":    {func(ctx context.Context) error { _, err := db.EventsAfter(ctx, blog.ID, 0, 1); return err }, anonymous, liveblog.ErrUnavailable},
		"editor's page": {func(ctx context.Context) error {
			_, err := db.Page(ctx, blog.Slug, liveblog.PageQuery{Limit: 1})
			return err
		}, t.Context(), nil},
		"known token":         {func(ctx context.Context) error { _, err := db.Token(ctx, "x"); return err }, t.Context(), liveblog.ErrNotFound},
		"session":             {func(ctx context.Context) error { _, err := db.SessionUser(ctx, id, id); return err }, anonymous, liveblog.ErrNotFound},
		"new events":          {func(ctx context.Context) error { _, err := db.EventsAfter(ctx, blog.ID, 0, 1); return err }, t.Context(), nil},
		"role":                {func(ctx context.Context) error { _, err := db.MemberRole(ctx, id, id); return err }, t.Context(), nil},
		"heads":               {func(ctx context.Context) error { _, err := db.Heads(ctx, []uuid.UUID{blog.ID}); return err }, t.Context(), nil},
		"what ready asks for": {db.Ping, t.Context(), nil},
	} {
		if err := c.ask(c.ctx); !errors.Is(err, c.err) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
