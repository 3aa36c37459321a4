//go:build unix

package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dateline/internal/wait"
)

// terminate ends the connections that a condition on pg_stat_activity names.
func (s *stage) terminate(ctx context.Context, where string) error {
	return s.sql(ctx, `
		SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid() AND `+where)
}

// terminateListeners does so once a second, so that nodes find it again each time.
func terminateListeners(ctx context.Context, s *stage, f planned) (string, error) {
	times := 0
	for ends := time.Now().Add(f.Hold); ctx.Err() == nil; {
		if err := s.terminate(ctx, ofListeners); err != nil {
			return "", err
		}
		times++
		if time.Now().Add(time.Second).After(ends) {
			break
		}
		wait.For(ctx, time.Second)
	}
	return fmt.Sprintf("%d times", times), nil
}

// loseBells replaces the function that rings by one that does not, but for a
// listener's test of itself.
func loseBells(ctx context.Context, s *stage, f planned) (string, error) {
	return "", s.altered(ctx, f, `
		ALTER FUNCTION pg_catalog.pg_notify(text, text) RENAME TO pg_notify_in_truth;
		CREATE FUNCTION pg_catalog.pg_notify(channel text, payload text) RETURNS void LANGUAGE plpgsql AS $$
		BEGIN
			IF payload LIKE 'self-test:%' THEN PERFORM pg_catalog.pg_notify_in_truth(channel, payload); END IF;
		END $$`, `
		DROP FUNCTION pg_catalog.pg_notify(text, text);
		ALTER FUNCTION pg_catalog.pg_notify_in_truth(text, text) RENAME TO pg_notify`)
}

// altered changes the database for as long as a fault holds.
func (s *stage) altered(ctx context.Context, f planned, change, back string) error {
	if err := s.sql(ctx, change); err != nil {
		return err
	}
	wait.For(ctx, f.Hold)
	ctx, cancel := lifting(ctx)
	defer cancel()
	return s.sql(ctx, back)
}

// lockBlog holds the row of one blog, as a stuck transaction does.
func lockBlog(ctx context.Context, s *stage, f planned) (string, error) {
	slug := s.slugs[f.random().IntN(len(s.slugs))]
	return slug, s.locked(ctx, f, `SELECT FROM blogs WHERE slug = $1 FOR UPDATE`, slug)
}

// exhaustPool holds the rows of all blogs: every publisher keeps a connection
// while it waits.
func exhaustPool(ctx context.Context, s *stage, f planned) (string, error) {
	return "", s.locked(ctx, f, `SELECT FROM blogs WHERE $1 <> '' FOR UPDATE`, "all")
}

// locked keeps a transaction open that has taken locks.
func (s *stage) locked(ctx context.Context, f planned, statement string, args ...any) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	lift, cancel := lifting(ctx)
	defer cancel()
	defer conn.Close(lift)
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, statement, args...); err != nil {
		return err
	}
	wait.For(ctx, f.Hold)
	return tx.Rollback(lift)
}

// exhaustConnections opens connections until PostgreSQL takes no more of an
// ordinary role, and ends those of the nodes, so that they have to find a place.
func exhaustConnections(ctx context.Context, s *stage, f planned) (string, error) {
	var conns []*pgx.Conn
	defer func() {
		for _, c := range conns {
			c.Close(context.WithoutCancel(ctx))
		}
	}()
	for range 500 {
		c, err := s.connect(ctx)
		if err != nil {
			break // it is full
		}
		conns = append(conns, c)
	}
	if len(conns) == 0 {
		return "", errMixed
	}
	_, err := conns[0].Exec(ctx, `
		SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE application_name LIKE 'dateline%' AND random() < 0.3`)
	wait.For(ctx, f.Hold)
	return fmt.Sprintf("%d connections", len(conns)), err
}

// breakStatements ends connections at work and locks rows in an order that
// makes deadlocks with publishers.
func breakStatements(ctx context.Context, s *stage, f planned) (string, error) {
	random := f.random()
	times := 0
	for ends := time.Now().Add(f.Hold); time.Now().Before(ends) && ctx.Err() == nil; times++ {
		err := errors.Join(
			s.terminate(ctx, `application_name = 'dateline' AND state <> 'idle' AND random() < 0.5`),
			s.deadlock(ctx),
		)
		if err != nil {
			return "", err
		}
		wait.For(ctx, moment(random, 200))
	}
	return fmt.Sprintf("%d times", times), nil
}

// deadlock locks a blog's newest post and then the blog; an edit of that post
// goes the other way. Which of the two loses does not matter.
func (s *stage) deadlock(ctx context.Context) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			SET LOCAL deadlock_timeout = '100ms';
			SET LOCAL lock_timeout = '500ms';
			SELECT FROM posts ORDER BY position DESC NULLS LAST LIMIT 20 FOR UPDATE;
			SELECT FROM blogs FOR UPDATE`)
		return err
	})
	if _, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err); ok {
		return nil
	}
	return err
}

// fullDisk makes inserts fail as they do on a full disk.
func fullDisk(ctx context.Context, s *stage, f planned) (string, error) {
	return "", s.altered(ctx, f, `
		CREATE FUNCTION chaos_full() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
		CREATE TRIGGER chaos_full BEFORE INSERT ON revisions EXECUTE FUNCTION chaos_full()`,
		`DROP FUNCTION chaos_full() CASCADE`)
}
