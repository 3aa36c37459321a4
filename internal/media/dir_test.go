package media

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

// rows is a Catalog that only notes what it was given.
type rows struct {
	Catalog
	created int
	blobs   int
	err     error
}

func (r *rows) CreateMedia(_ context.Context, _ liveblog.Actor, _ liveblog.IdempotencyKey, m *liveblog.Media, blobs []liveblog.Blob) (*liveblog.Media, bool, error) {
	r.created++
	r.blobs += len(blobs)
	return m, false, r.err
}

func blobOf(text string) liveblog.Blob {
	sum := sha256.Sum256([]byte(text))
	return liveblog.Blob{Key: hex.EncodeToString(sum[:]), Type: "image/jpeg", Data: []byte(text)}
}

func newDir(t *testing.T) (*Dir, *rows, string) {
	t.Helper()
	name, r := filepath.Join(t.TempDir(), "media"), &rows{}
	d, err := NewDir(name, r)
	if err != nil {
		t.Fatal(err)
	}
	return d, r, name
}

func TestDir_KeepsBlobs(t *testing.T) {
	t.Parallel()
	d, r, name := newDir(t)
	m, blobs := &liveblog.Media{ID: uuid.New()}, []liveblog.Blob{blobOf("one"), blobOf("two")}
	for range 2 { // the second time the files are there already
		if _, _, err := d.CreateMedia(t.Context(), liveblog.Actor{}, liveblog.IdempotencyKey{}, m, blobs); err != nil {
			t.Fatal(err)
		}
	}
	for _, b := range blobs {
		if got, err := d.Blob(t.Context(), b.Key); err != nil || !bytes.Equal(got, b.Data) {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if r.created != 2 || r.blobs != 0 {
		t.Errorf("the catalog got %d rows and %d blobs", r.created, r.blobs)
	}
	if files := filesIn(t, name); len(files) != len(blobs) {
		t.Errorf("files: %v", files)
	}
}

func filesIn(t *testing.T, name string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(name, func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			files = append(files, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestDir_Refusals(t *testing.T) {
	t.Parallel()
	d, r, _ := newDir(t)
	for _, key := range []string{"", "..", "../../etc/passwd", strings.Repeat("A", 64), strings.Repeat("a", 63) + "/", blobOf("absent").Key} {
		if _, err := d.Blob(t.Context(), key); !errors.Is(err, liveblog.ErrNotFound) {
			t.Errorf("read %q: %v", key, err)
		}
	}
	bad := liveblog.Blob{Key: "../../x", Data: []byte("x")}
	if _, _, err := d.CreateMedia(t.Context(), liveblog.Actor{}, liveblog.IdempotencyKey{}, &liveblog.Media{}, []liveblog.Blob{bad}); err == nil || r.created != 0 {
		t.Errorf("a bad key was stored: %v, %d rows", err, r.created)
	}
}

func TestDir_NoPartsAreLeftBehind(t *testing.T) {
	t.Parallel()
	d, r, name := newDir(t)
	b := blobOf("blocked")
	if err := os.WriteFile(filepath.Join(name, b.Key[:2]), nil, 0o600); err != nil { // a file where the directory should be
		t.Fatal(err)
	}
	if _, _, err := d.CreateMedia(t.Context(), liveblog.Actor{}, liveblog.IdempotencyKey{}, &liveblog.Media{}, []liveblog.Blob{b}); err == nil || r.created != 0 {
		t.Errorf("stored where it cannot: %v, %d rows", err, r.created)
	}
	if files := filesIn(t, name); len(files) != 1 {
		t.Errorf("files: %v", files)
	}
}

// Forget deletes what nobody needs, unless it was stored again a moment ago.
func TestDir_Forget(t *testing.T) {
	t.Parallel()
	d, _, name := newDir(t)
	old, again := blobOf("old"), blobOf("again")
	for _, b := range []liveblog.Blob{old, again} {
		if _, _, err := d.CreateMedia(t.Context(), liveblog.Actor{}, liveblog.IdempotencyKey{}, &liveblog.Media{}, []liveblog.Blob{b}); err != nil {
			t.Fatal(err)
		}
		long := time.Now().Add(-2 * minAge)
		if err := os.Chtimes(filepath.Join(name, fileName(b.Key)), long, long); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := d.CreateMedia(t.Context(), liveblog.Actor{}, liveblog.IdempotencyKey{}, &liveblog.Media{}, []liveblog.Blob{again}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := d.Forget([]string{old.Key, again.Key, "../nonsense"}); err != nil {
			t.Error(err)
		}
	}
	if _, err := d.Blob(t.Context(), old.Key); !errors.Is(err, liveblog.ErrNotFound) {
		t.Errorf("the old bytes: %v", err)
	}
	if _, err := d.Blob(t.Context(), again.Key); err != nil {
		t.Errorf("the bytes that are used again: %v", err)
	}
}
