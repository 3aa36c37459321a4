package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"dateline/internal/chaos/history"
	"dateline/internal/localpg"
)

// restored puts an older dump back under running nodes, and goes on: what was
// acknowledged since is gone, new events take the same numbers, and every reader
// must be told.
func restored() act {
	return act{name: "restored", play: func(ctx context.Context, r *run, s *stage) error {
		hold(ctx, 2*time.Second)
		r.say("dump, 3 s of posts, restore")
		fault := history.Fault{
			Kind: "F34", Name: "older dump restored, then new posts take its numbers", Began: time.Now().UnixNano(),
			Allows: history.Allows{Reset: []string{"epoch", "ahead"}, Lost: true, Down: true, Views: true, Stale: true},
		}
		err := s.restore(ctx)
		fault.Ended = time.Now().UnixNano()
		fault.Recovered = s.recovered(ctx, fault.Ended)
		s.tell(fault)
		hold(ctx, 5*time.Second)
		return err
	}}
}

// restore dumps the database, lets publishers go on, and puts the dump in the
// place of the database.
func (s *stage) restore(ctx context.Context) error {
	lift, cancel := lifting(ctx)
	defer cancel()
	file := filepath.Join(s.dir, "old.dump")
	if err := command(lift, "pg_dump", "-Fc", "-f", file, "-d", s.bed.DSN()); err != nil {
		return err
	}
	hold(ctx, 3*time.Second)
	err := s.replaceDatabase(lift, func() error { return command(lift, "pg_restore", "-d", s.bed.DSN(), file) })
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return nil
}

// replaceDatabase drops the database under its users and makes a new one, which
// only a superuser may enter until it is filled.
func (s *stage) replaceDatabase(ctx context.Context, fill func() error) error {
	u, err := url.Parse(s.bed.DSN())
	if err != nil {
		return err
	}
	u.Path = "/postgres"
	conn, err := pgx.Connect(ctx, u.String())
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var owner string
	if err := conn.QueryRow(ctx, `SELECT datdba::regrole FROM pg_database WHERE datname = $1`, localpg.Database).Scan(&owner); err != nil {
		return err
	}
	for _, statement := range []string{
		"DROP DATABASE " + localpg.Database + " WITH (FORCE)",
		"CREATE DATABASE " + localpg.Database + " CONNECTION LIMIT 0 OWNER " + owner,
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	err = fill()
	_, opened := conn.Exec(ctx, "ALTER DATABASE "+localpg.Database+" CONNECTION LIMIT -1")
	return errors.Join(err, opened)
}

// command runs a program of PostgreSQL.
func command(ctx context.Context, program string, args ...string) error {
	if out, err := exec.CommandContext(ctx, program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, out)
	}
	return nil
}
