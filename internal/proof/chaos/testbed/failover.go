//go:build unix

package testbed

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
)

// promoteLimit is how long a standby may take to become a primary.
const promoteLimit = 30 * time.Second

// Failover kills the primary, makes the standby the new one and returns when it
// takes writes, which nobody confirms until Rejoin. The old primary keeps its
// data until then: Start brings it back as one that does not know.
func (b *Bed) Failover(ctx context.Context) error {
	begun := time.Now()
	old, next := b.Primary(), b.Standby()
	if next == nil {
		return errors.New("fail over: there is no standby")
	}
	if err := old.Crash(); err != nil {
		return err
	}
	if err := next.promote(ctx); err != nil {
		return fmt.Errorf("fail over to server %s: %w", next.Name, err)
	}
	b.setRoles(next, nil)
	b.log.Info("failed over", "to", next.Name, "took", time.Since(begun))
	return nil
}

func (s *Server) promote(ctx context.Context) error {
	if err := s.confirmBy(ctx, ""); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, promoteLimit)
	defer cancel()
	if err := s.query(ctx, "SELECT pg_promote(false)", new(bool)); err != nil {
		return err
	}
	return s.await(ctx, "SELECT NOT pg_is_in_recovery()")
}

// CaughtUp returns when the standby has all that was committed before the call.
func (b *Bed) CaughtUp(ctx context.Context) error {
	primary := b.Primary()
	var end string
	if err := primary.query(ctx, "SELECT pg_current_wal_flush_lsn()::text", &end); err != nil {
		return err
	}
	return primary.await(ctx, fmt.Sprintf("SELECT EXISTS (SELECT FROM pg_stat_replication WHERE flush_lsn >= '%s')", end))
}

// Rejoin gives the place that is not the primary's a fresh copy of the primary,
// and returns when it follows, and confirms commits where the bed is synchronous.
func (b *Bed) Rejoin(ctx context.Context) error {
	begun := time.Now()
	primary, next := b.Primary(), b.other()
	if next == nil {
		return errors.New("rejoin: the bed has no place for a standby")
	}
	if err := next.copyFrom(ctx, primary); err != nil {
		return fmt.Errorf("rejoin server %s: %w", next.Name, err)
	}
	if err := b.follow(ctx, primary, next); err != nil {
		return fmt.Errorf("rejoin server %s: %w", next.Name, err)
	}
	b.setRoles(primary, next)
	b.log.Info("rejoined", "server", next.Name, "took", time.Since(begun))
	return nil
}

// other is the place that is not the primary's.
func (b *Bed) other() *Server {
	primary := b.Primary()
	for _, s := range b.servers {
		if s != primary {
			return s
		}
	}
	return nil
}

// copyFrom replaces the data of a server by a copy of the primary's.
func (s *Server) copyFrom(ctx context.Context, primary *Server) error {
	if err := s.Crash(); err != nil {
		return err
	}
	if err := s.newDir(); err != nil {
		return err
	}
	args := append(primary.flags(), "-D", s.dir, "-X", "stream", "-c", "fast", "--no-sync", "--no-manifest")
	if s.wal != nil {
		args = append(args, "--waldir="+s.wal.sub("wal"))
	}
	if s.data != nil {
		args = append(args, "--tablespace-mapping="+primary.data.sub("tables")+"="+s.data.sub("tables"))
	}
	if err := s.bed.tools.MakeDir(s.dir); err != nil {
		return err
	}
	if err := run(s.bed.tool(ctx, "pg_basebackup", args...)); err != nil {
		return err
	}
	if err := s.moveNotify(); err != nil {
		return err
	}
	return s.bed.tools.WriteFile(filepath.Join(s.dir, "standby.signal"), "")
}

// follow starts a standby and waits until the primary sees it.
func (b *Bed) follow(ctx context.Context, primary, standby *Server) error {
	source := fmt.Sprintf("host=127.0.0.1 port=%d user=%s password=%s application_name=%s sslmode=disable connect_timeout=2",
		primary.Replication.Port(), superuser, b.password, standby.Name)
	if err := standby.configure("", source); err != nil {
		return err
	}
	if err := standby.Start(ctx); err != nil {
		return err
	}
	if !b.config.Synchronous {
		return primary.awaitStandby(ctx, standby, "async")
	}
	if err := primary.confirmBy(ctx, standby.Name); err != nil {
		return err
	}
	return primary.awaitStandby(ctx, standby, "sync")
}

// AwaitStandby returns when the standby follows the primary again, and confirms
// commits where the bed is synchronous, as after a fault between them.
func (b *Bed) AwaitStandby(ctx context.Context) error {
	standby := b.Standby()
	if standby == nil {
		return errors.New("there is no standby")
	}
	state := "async"
	if b.config.Synchronous {
		state = "sync"
	}
	return b.Primary().awaitStandby(ctx, standby, state)
}

// AwaitCopied returns when the standby has all that was committed before the
// call.
func (b *Bed) AwaitCopied(ctx context.Context) error {
	standby := b.Standby()
	if standby == nil {
		return errors.New("there is no standby")
	}
	var position string
	if err := b.Primary().query(ctx, "SELECT pg_current_wal_lsn()::text", &position); err != nil {
		return err
	}
	return standby.await(ctx, fmt.Sprintf("SELECT pg_last_wal_replay_lsn() >= '%s'", position))
}

func (s *Server) awaitStandby(ctx context.Context, standby *Server, state string) error {
	return s.await(ctx, fmt.Sprintf(
		"SELECT EXISTS (SELECT FROM pg_stat_replication WHERE application_name = '%s' AND state = 'streaming' AND sync_state = '%s')",
		standby.Name, state))
}

// Exec runs a statement as the superuser in the product's database of the primary.
func (b *Bed) Exec(ctx context.Context, sql string, args ...any) error {
	conn, err := pgx.Connect(ctx, b.DSN())
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, sql, args...)
	return err
}
