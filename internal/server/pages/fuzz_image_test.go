package pages

import (
	"context"
	"slices"
	"strings"
	"testing"

	"dateline/internal/liveblog"
	"dateline/internal/server/access"

	"github.com/google/uuid"
)

// oneImage is a store with one picture. It knows the blobs of that and notes
// for which it was asked.
type oneImage struct {
	media liveblog.Media
	asked string
}

func (o *oneImage) Media(context.Context, []uuid.UUID) (map[uuid.UUID]*liveblog.Media, error) {
	return map[uuid.UUID]*liveblog.Media{o.media.ID: &o.media}, nil
}

func (o *oneImage) Blob(_ context.Context, key string) ([]byte, error) {
	o.asked = key
	return []byte(key), nil
}

// A picture has as many addresses as sizes, twice over; nothing else reaches the
// place where the files are.
func FuzzImageName(f *testing.F) {
	store := &oneImage{media: liveblog.Media{ID: uuid.MustParse("00000000-0000-4000-8000-000000000001"), Variants: []liveblog.Variant{
		{Width: 400, Type: "image/jpeg", Key: strings.Repeat("4", 64)}, {Width: 800, Type: "image/png", Key: strings.Repeat("8", 64)},
	}}}
	names := []string{"400", "400.jpg", "800", "800.png"}
	for _, name := range append(names, "400.png", "0400", "..%2f400", "400.jpg\x00", "../../x", "", "99999", strings.Repeat("4", 64)) {
		f.Add(store.media.ID.String(), name)
	}
	f.Add("{"+store.media.ID.String()+"}", "400")
	f.Add(strings.ToUpper(uuid.Max.String()), "400")
	s := NewImages(store, access.NewReads(0))
	f.Fuzz(func(t *testing.T, id, name string) {
		store.asked = ""
		img, err := s.load(t.Context(), id, name)
		if wanted := id == store.media.ID.String() && slices.Contains(names, name); wanted != (err == nil) || wanted != (store.asked != "") {
			t.Errorf("%q %q: %v, asked for %q", id, name, err, store.asked)
		}
		if err == nil && (store.asked[:1] != name[:1] || img.kind != map[string]string{"4": "image/jpeg", "8": "image/png"}[name[:1]]) {
			t.Errorf("%q is %q of %s", name, store.asked, img.kind)
		}
	})
}
