package postgres_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"reflect"
	"testing"

	"dateline/internal/liveblog"
	"dateline/internal/postgres"
	"dateline/internal/proof/pgtest"

	"github.com/google/uuid"
)

// newPicture is a picture with one variant, and its blob.
func newPicture(text string) (*liveblog.Media, []liveblog.Blob) {
	blob := liveblog.Blob{Key: "key of " + text, Type: "image/jpeg", Data: []byte(text)}
	m := &liveblog.Media{
		ID: uuid.New(), Alt: "alt", Caption: "caption", Credit: "credit", Width: 800, Height: 600, Color: "#102030",
		Variants: []liveblog.Variant{{Width: 800, Height: 600, Type: blob.Type, Key: blob.Key, Size: int64(len(text))}},
	}
	return m, []liveblog.Blob{blob}
}

func audits(t *testing.T, db *postgres.DB, action string) (n int) {
	t.Helper()
	if err := db.Pool().QueryRow(t.Context(), `SELECT count(*) FROM audit WHERE action = $1`, action).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestMedia_CreateAndRead(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	m, blobs := newPicture("one")
	created, replayed, err := db.CreateMedia(t.Context(), liveblog.Actor{}, liveblog.IdempotencyKey{}, m, blobs)
	if err != nil || replayed {
		t.Fatal(replayed, err)
	}
	found, err := db.Media(t.Context(), []uuid.UUID{m.ID, uuid.New()})
	if err != nil || len(found) != 1 || !reflect.DeepEqual(found[m.ID], created) {
		t.Fatalf("found %+v, created %+v, %v", found, created, err)
	}
	m.CreatedAt = created.CreatedAt
	if !reflect.DeepEqual(created, m) {
		t.Errorf("got %+v, want %+v", created, m)
	}
	if data, err := db.Blob(t.Context(), blobs[0].Key); err != nil || string(data) != "one" {
		t.Errorf("blob %q, %v", data, err)
	}
	if n := audits(t, db, "media.create"); n != 1 {
		t.Errorf("%d rows in the audit log", n)
	}
}

func TestMedia_SameBlobTwice(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for range 2 {
		m, blobs := newPicture("same")
		if _, _, err := db.CreateMedia(t.Context(), liveblog.Actor{}, liveblog.IdempotencyKey{}, m, blobs); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMedia_IdempotencyKey(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	key := liveblog.IdempotencyKey{Key: "0123456789abcdef", Hash: sha256.Sum256([]byte("asked"))}
	first, blobs := newPicture("first")
	if _, _, err := db.CreateMedia(t.Context(), liveblog.Actor{}, key, first, blobs); err != nil {
		t.Fatal(err)
	}
	second, blobs := newPicture("second")
	again, replayed, err := db.CreateMedia(t.Context(), liveblog.Actor{}, key, second, blobs)
	if err != nil || !replayed || again.ID != first.ID || !reflect.DeepEqual(again.Variants, first.Variants) {
		t.Errorf("got %+v, %v, %v", again, replayed, err)
	}
	if found, _ := db.Media(t.Context(), []uuid.UUID{second.ID}); len(found) != 0 {
		t.Error("the second picture was stored")
	}
	key.Hash = sha256.Sum256([]byte("something else"))
	if _, _, err := db.CreateMedia(t.Context(), liveblog.Actor{}, key, second, blobs); !errors.Is(err, liveblog.ErrIdempotencyUsed) {
		t.Errorf("another request: %v", err)
	}
}

// Each changes what it names, and none undoes what another does at the same time.
func TestMedia_UpdatesAtOnce(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	m, blobs := newPicture("one")
	if _, _, err := db.CreateMedia(t.Context(), liveblog.Actor{}, liveblog.IdempotencyKey{}, m, blobs); err != nil {
		t.Fatal(err)
	}
	patches := []liveblog.MediaPatch{{Alt: new("a")}, {Caption: new("b")}, {Credit: new("")}}
	errs := together(len(patches), func(i int) error {
		_, err := db.UpdateMedia(context.Background(), liveblog.Actor{}, m.ID, patches[i])
		return err
	})
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	found, err := db.Media(t.Context(), []uuid.UUID{m.ID})
	if got := found[m.ID]; err != nil || got.Alt != "a" || got.Caption != "b" || got.Credit != "" {
		t.Errorf("got %+v, %v", got, err)
	}
	if n := audits(t, db, "media.update"); n != len(patches) {
		t.Errorf("%d rows in the audit log", n)
	}
}

func TestMedia_NotFound(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	if _, err := db.UpdateMedia(t.Context(), liveblog.Actor{}, uuid.New(), liveblog.MediaPatch{}); !errors.Is(err, liveblog.ErrNotFound) {
		t.Errorf("update: %v", err)
	}
	if _, err := db.Blob(t.Context(), "none"); !errors.Is(err, liveblog.ErrNotFound) {
		t.Errorf("blob: %v", err)
	}
	if found, err := db.Media(t.Context(), nil); err != nil || len(found) != 0 {
		t.Errorf("nothing asked: %v, %v", found, err)
	}
}
