//go:build unix

package testbed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// disk is a small file system of its own, which can be filled. A nil disk is
// none.
type disk struct{ dir string }

// newDisk mounts a file system of a size in KiB, for one account.
func newDisk(dir string, size, uid, gid int) (*disk, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := mount(dir, fmt.Sprintf("size=%dk,uid=%d,gid=%d,mode=700", size, uid, gid)); err != nil {
		return nil, fmt.Errorf("mount a small disk at %s: %w", dir, err)
	}
	return &disk{dir}, nil
}

func (d *disk) sub(name string) string { return filepath.Join(d.dir, name) }

func (d *disk) close() error {
	if d == nil {
		return nil
	}
	return unmount(d.dir)
}

// empty removes everything, the ballast too.
func (d *disk) empty() error {
	entries, err := os.ReadDir(d.dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(d.sub(e.Name())))
	}
	return err
}

const ballast = "ballast"

// fill takes all the space that is left.
func (d *disk) fill() error {
	f, err := os.OpenFile(d.sub(ballast), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(f, zeros{})
	if !errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("fill %s: %w", d.dir, err)
	}
	return nil
}

// free gives the space back.
func (d *disk) free() error {
	if err := os.Remove(d.sub(ballast)); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// newDisks gives a server's new data empty disks, where the bed has any.
func (s *Server) newDisks() (err error) {
	if s.wal, err = s.newDisk(s.wal, "-wal", s.bed.config.WALDisk); err != nil {
		return err
	}
	if s.notify, err = s.newDisk(s.notify, "-notify", s.bed.config.NotifyDisk); err != nil {
		return err
	}
	if s.data, err = s.newDisk(s.data, "-data", s.bed.config.DataDisk); err != nil || s.data == nil {
		return err
	}
	return s.bed.tools.MakeDir(s.data.sub("tables"))
}

func (s *Server) newDisk(old *disk, suffix string, size int) (*disk, error) {
	if size == 0 {
		return nil, nil
	}
	if old != nil {
		return old, old.empty()
	}
	uid, gid := s.bed.tools.IDs()
	return newDisk(s.file(suffix), size, uid, gid)
}

// moveNotify puts the queue of notifications of new data on its disk. The server
// keeps nothing in it when it is stopped.
func (s *Server) moveNotify() error {
	if s.notify == nil {
		return nil
	}
	place := filepath.Join(s.dir, "pg_notify")
	if err := os.RemoveAll(place); err != nil {
		return err
	}
	return os.Symlink(s.notify.dir, place)
}

// ErrNoDisk tells that the bed was started without the small disk asked for.
var ErrNoDisk = errors.New("the bed has no such disk")

// FillData takes the space that is left for tables: PostgreSQL answers 53100 and
// stays up.
func (s *Server) FillData() error {
	if s.data == nil {
		return ErrNoDisk
	}
	return s.data.fill()
}

// FreeData gives it back.
func (s *Server) FreeData() error {
	if s.data == nil {
		return ErrNoDisk
	}
	return s.data.free()
}

// FillWAL takes the space that is left for the log and uses up what PostgreSQL
// has in stock, and returns when the server has ended for want of space.
func (s *Server) FillWAL(ctx context.Context) error {
	if s.wal == nil {
		return ErrNoDisk
	}
	if err := s.wal.fill(); err != nil {
		return err
	}
	proc := s.process()
	for proc.running() {
		_ = s.connected(ctx, writeLog) // fails once the space is used up
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("server %s lives on without space for its log: %w", s.Name, err)
		}
	}
	return nil
}

// writeLog writes segments of log, which stand for no change, until it fails.
// A slot that lives as long as the connection keeps the server from using old
// segments again instead of new ones, with which it might go on for ever.
func writeLog(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, "SELECT pg_create_physical_replication_slot('ballast', immediately_reserve => true, temporary => true)")
	for err == nil {
		_, err = conn.Exec(ctx, "SELECT pg_logical_emit_message(false, 'ballast', repeat('x', 8000000)), pg_switch_wal()")
	}
	return err
}

// FreeWAL gives the space back; the server can be started again.
func (s *Server) FreeWAL() error {
	if s.wal == nil {
		return ErrNoDisk
	}
	return s.wal.free()
}
