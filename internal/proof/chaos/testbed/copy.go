//go:build unix

package testbed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"

	"dateline/internal/localpg"
)

// Ways to copy the data of a server.
const (
	Cold   = "cold"   // the files, with PostgreSQL stopped
	Volume = "volume" // the files as they are at one moment, as a snapshot of the volume has them
	Hot    = "hot"    // the files while PostgreSQL writes, between pg_backup_start and pg_backup_stop
	Base   = "base"   // pg_basebackup
)

// walDir has the log, and is copied last of a copy that is made hot.
const walDir = "pg_wal"

// Copy copies the primary's data into a directory that it makes, in one of these
// ways. The server runs afterwards.
func (b *Bed) Copy(ctx context.Context, how, dir string) error {
	s := b.Primary()
	if s.wal != nil || s.data != nil {
		return errors.New("copy the data: it is on several disks")
	}
	copied := map[string]func(context.Context, string) error{Cold: s.copyCold, Volume: s.copyVolume, Hot: s.copyHot, Base: s.copyBase}[how]
	if copied == nil {
		return fmt.Errorf("copy the data: there is no way %q", how)
	}
	if err := copied(ctx, dir); err != nil {
		return fmt.Errorf("copy the data, %s: %w", how, err)
	}
	return nil
}

func (s *Server) copyCold(ctx context.Context, dir string) error {
	if err := s.Stop(ctx, "fast"); err != nil {
		return err
	}
	return errors.Join(s.copyFiles(dir, nothing), s.Start(ctx))
}

func (s *Server) copyVolume(_ context.Context, dir string) error {
	err := s.Freeze()
	return errors.Join(err, s.copyFiles(dir, nothing), s.Thaw())
}

func (s *Server) copyBase(ctx context.Context, dir string) error {
	if err := s.bed.tools.MakeDir(dir); err != nil {
		return err
	}
	return run(s.bed.tool(ctx, "pg_basebackup", append(s.flags(), "-D", dir, "-X", "stream", "-c", "fast", "--no-sync", "--no-manifest")...))
}

// copyHot asks for the start and the stop of the backup on one connection, as it
// must be, and keeps what the stop says beside the files.
func (s *Server) copyHot(ctx context.Context, dir string) error {
	return s.connected(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		start, stop := "SELECT pg_backup_start('chaos', true)", "SELECT labelfile FROM pg_backup_stop(false)"
		if s.bed.tools.Major() < 15 {
			start, stop = "SELECT pg_start_backup('chaos', true, false)", "SELECT labelfile FROM pg_stop_backup(false, false)"
		}
		if _, err := conn.Exec(ctx, start); err != nil {
			return err
		}
		if err := s.copyFiles(dir, walFile); err != nil {
			return err
		}
		var label string
		if err := conn.QueryRow(ctx, stop).Scan(&label); err != nil {
			return err
		}
		if err := s.copyFiles(dir, notWALFile); err != nil {
			return err
		}
		return s.bed.tools.WriteFile(filepath.Join(dir, "backup_label"), label)
	})
}

// What a copy leaves out, by its path below the data.
func nothing(string) bool         { return false }
func walFile(path string) bool    { return strings.HasPrefix(path, walDir+"/") }
func notWALFile(path string) bool { return path != walDir && !walFile(path) }

// copyFiles copies the data of the server but for what is left out.
func (s *Server) copyFiles(dir string, leaveOut func(path string) bool) error {
	return copyTree(s.bed.tools, s.dataDir(), dir, leaveOut)
}

// copyTree copies data, for PostgreSQL's account. A file that is gone before its
// turn was none of the data.
func copyTree(tools *localpg.Tools, source, dir string, leaveOut func(path string) bool) error {
	uid, gid := tools.IDs()
	return filepath.WalkDir(source, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		below, err := filepath.Rel(source, path)
		if err != nil || below != "." && leaveOut(below) || below == "postmaster.pid" {
			return err
		}
		target := filepath.Join(dir, below)
		if entry.IsDir() {
			err = makeDirFor(target)
		} else {
			err = copyFile(path, target)
		}
		if err != nil || !exists(target) {
			return err
		}
		return os.Lchown(target, uid, gid)
	})
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func makeDirFor(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// Lose ends the primary as a crash does, and with it a standby that knows what is
// to be forgotten.
func (b *Bed) Lose() error {
	if standby := b.Standby(); standby != nil {
		b.setRoles(b.Primary(), nil)
		return errors.Join(b.Primary().Crash(), standby.Crash())
	}
	return b.Primary().Crash()
}

// PutBack puts a copy in the place of the data of the primary, which Lose has
// ended, and starts it; a copy is used up by that. The place of a standby gets a
// fresh one.
func (b *Bed) PutBack(ctx context.Context, dir string) error {
	s := b.Primary()
	if err := s.newDir(); err != nil {
		return err
	}
	if err := os.Rename(dir, s.dataDir()); err != nil {
		return fmt.Errorf("put the data back: %w", err)
	}
	if err := s.configure("", ""); err != nil {
		return err
	}
	if err := s.Start(ctx); err != nil {
		return fmt.Errorf("put the data back: %w", err)
	}
	if b.config.Standby {
		return b.Rejoin(ctx)
	}
	return nil
}

// Identity is what PostgreSQL calls itself and the log of events: the same before
// and after a copy was put back.
func (b *Bed) Identity(ctx context.Context) (identity string, err error) {
	conn, err := pgx.Connect(ctx, b.DSN())
	if err != nil {
		return "", err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	err = conn.QueryRow(ctx, `
		SELECT system_identifier || ' ' || timeline_id || ' ' || coalesce(to_regclass('public.events')::oid, 0)
		FROM pg_control_system(), pg_control_checkpoint()`).Scan(&identity)
	return identity, err
}
