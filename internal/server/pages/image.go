package pages

import (
	"bytes"
	"context"
	"net/http"
	"regexp"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/server/access"
	"dateline/internal/server/cache"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
)

// ImageStore reads images.
type ImageStore interface {
	access.MediaStore
	// Blob reads the bytes of a variant, or ErrNotFound.
	Blob(ctx context.Context, key string) ([]byte, error)
}

// Limits of the images kept in memory, in bytes: of all, and of one.
const (
	imageCacheBytes = 64 << 20
	imageCacheEntry = 4 << 20
)

// Images serves the images of posts.
type Images struct {
	store ImageStore
	reads *access.Reads
	cache *cache.LRU[*servedImage]
}

// servedImage is a variant ready to be sent.
type servedImage struct {
	kind string
	etag string
	data []byte
}

// NewImages makes Images with none in memory.
func NewImages(store ImageStore, reads *access.Reads) *Images {
	size := func(img *servedImage) int { return len(img.data) }
	return &Images{store: store, reads: reads, cache: cache.NewLRU(imageCacheBytes, imageCacheEntry, size)}
}

// Image answers with a variant of an image. A variant never changes, so caches keep it for
// good; and the headers make a browser take it for an image only.
func (i *Images) Image() access.Handler { return access.Endpoint{Serve: i.serve} }

func (i *Images) serve(c *gin.Context) error {
	img, err := i.cache.Get(c.Request.Context(), c.Param("id")+"/"+c.Param("name"), func(ctx context.Context) (*servedImage, error) {
		return i.load(ctx, c.Param("id"), c.Param("name"))
	})
	if err != nil {
		return err
	}
	h := c.Writer.Header()
	h.Set("Content-Type", img.kind)
	h.Set("ETag", img.etag)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("Content-Disposition", "inline")
	http.ServeContent(c.Writer, c.Request, "", time.Time{}, bytes.NewReader(img.data))
	return nil
}

var variantName = regexp.MustCompile(`^[1-9]\d{0,4}(\.(jpg|png))?$`)

// load finds a variant by its name, "800.jpg", or its width, "800".
func (i *Images) load(ctx context.Context, id, name string) (*servedImage, error) {
	parsed, err := uuid.Parse(id)
	if err != nil || parsed.String() != id || !variantName.MatchString(name) {
		return nil, errNoImage()
	}
	return access.ReadOnce(ctx, i.reads, "image "+id+"/"+name, func(ctx context.Context) (*servedImage, error) {
		return i.read(ctx, parsed, name)
	})
}

func (i *Images) read(ctx context.Context, id uuid.UUID, name string) (*servedImage, error) {
	m, err := access.OneMedia(ctx, i.store, id)
	if err != nil {
		return nil, err
	}
	for _, v := range m.Variants {
		if full := v.Name(); name == full || name == full[:len(full)-len(".jpg")] {
			data, err := i.store.Blob(ctx, v.Key)
			return &servedImage{kind: v.Type, etag: `"` + v.Key[:32] + `"`, data: data}, err
		}
	}
	return nil, errNoImage()
}

func errNoImage() error {
	return liveblog.Errorf(liveblog.ErrNotFound, "media_not_found", "there is no such image")
}
