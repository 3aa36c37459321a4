package media

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"time"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

// Catalog stores the rows of pictures.
type Catalog interface {
	CreateMedia(ctx context.Context, a liveblog.Actor, key liveblog.IdempotencyKey, m *liveblog.Media, blobs []liveblog.Blob) (created *liveblog.Media, replayed bool, err error)
	Media(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]*liveblog.Media, error)
	UpdateMedia(ctx context.Context, a liveblog.Actor, id uuid.UUID, patch liveblog.MediaPatch) (*liveblog.Media, error)
}

// Dir stores the bytes of pictures in a directory, and their rows in a Catalog. It suits
// one node with a large archive; several nodes must share the directory. The directory
// stays open while the program runs.
type Dir struct {
	Catalog
	root *os.Root
}

// NewDir opens the directory at name and creates it if it does not exist.
func NewDir(name string, c Catalog) (*Dir, error) {
	if err := os.MkdirAll(name, 0o700); err != nil {
		return nil, fmt.Errorf("media directory: %w", err)
	}
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("media directory: %w", err)
	}
	return &Dir{Catalog: c, root: root}, nil
}

// CreateMedia writes the files before the row that names them, so that no row lacks its
// files. Files without a row are harmless: their names are digests of their bytes, and
// the next upload of the same picture uses them.
func (d *Dir) CreateMedia(ctx context.Context, a liveblog.Actor, key liveblog.IdempotencyKey, m *liveblog.Media, blobs []liveblog.Blob) (*liveblog.Media, bool, error) {
	for _, b := range blobs {
		if err := d.write(b); err != nil {
			return nil, false, fmt.Errorf("store blob %s: %w", b.Key, err)
		}
	}
	return d.Catalog.CreateMedia(ctx, a, key, m, nil)
}

// Blob returns the bytes of a variant, or ErrNotFound.
func (d *Dir) Blob(_ context.Context, key string) ([]byte, error) {
	if !keyPattern.MatchString(key) {
		return nil, fmt.Errorf("blob %q: %w", key, liveblog.ErrNotFound)
	}
	data, err := d.root.ReadFile(fileName(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("blob %s: %w", key, liveblog.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("blob %s: %w", key, err)
	}
	return data, nil
}

// minAge is how old a file must be before Forget deletes it: a picture with the same bytes
// may have been stored since they were found to be unused.
const minAge = time.Hour

// Forget deletes the files of bytes that no picture has any more.
func (d *Dir) Forget(keys []string) error {
	var errs []error
	for _, key := range keys {
		if !keyPattern.MatchString(key) {
			continue
		}
		info, err := d.root.Stat(fileName(key))
		if err == nil && time.Since(info.ModTime()) > minAge {
			err = d.root.Remove(fileName(key))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

var keyPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

// fileName returns the path of a file, in one of 256 directories.
func fileName(key string) string { return path.Join(key[:2], key) }

// write stores a blob atomically and durably: after a crash the file is complete or absent.
func (d *Dir) write(b liveblog.Blob) error {
	if !keyPattern.MatchString(b.Key) {
		return fmt.Errorf("key %q is not a SHA-256", b.Key)
	}
	name := fileName(b.Key)
	if now := time.Now(); d.root.Chtimes(name, now, now) == nil {
		return nil // it exists, and its new time keeps Forget from deleting it
	}
	if err := d.root.Mkdir(b.Key[:2], 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	temporary := name + "." + rand.Text() + ".part"
	if err := d.writeSynced(temporary, b.Data); err != nil {
		return errors.Join(err, d.root.Remove(temporary))
	}
	if err := d.root.Rename(temporary, name); err != nil {
		return errors.Join(err, d.root.Remove(temporary))
	}
	return errors.Join(d.sync(b.Key[:2]), d.sync("."))
}

func (d *Dir) writeSynced(name string, data []byte) error {
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// sync makes the entries of a directory durable.
func (d *Dir) sync(name string) error {
	f, err := d.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
