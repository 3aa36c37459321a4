package server

import (
	"bytes"
	"container/list"
	"context"
	"errors"
	"net/http"
	"regexp"
	"sync"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/server/problem"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"golang.org/x/sync/singleflight"
)

// Limits of the images kept in memory, in bytes: of all, and of one.
const (
	imageCacheBytes = 64 << 20
	imageCacheEntry = 4 << 20
)

// servedImage is a variant ready to be sent.
type servedImage struct {
	kind string
	etag string
	data []byte
}

// serveImage answers with a variant. It never changes, so caches keep it for
// good; and it is only ever an image, whatever a browser takes it for.
func (s *Server) serveImage(c *gin.Context) error {
	img, err := s.imageCache.get(c.Request.Context(), c.Param("id")+"/"+c.Param("name"), func(ctx context.Context) (*servedImage, error) {
		return s.loadImage(ctx, c.Param("id"), c.Param("name"))
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

// loadImage finds a variant by its name, "800.jpg", or its width, "800".
func (s *Server) loadImage(ctx context.Context, id, name string) (*servedImage, error) {
	parsed, err := uuid.Parse(id)
	if err != nil || parsed.String() != id || !variantName.MatchString(name) {
		return nil, errNoImage()
	}
	return forAnonymous(ctx, s, "image "+id+"/"+name, func(ctx context.Context) (*servedImage, error) {
		return s.readImage(ctx, parsed, name)
	})
}

func (s *Server) readImage(ctx context.Context, id uuid.UUID, name string) (*servedImage, error) {
	m, err := s.oneMedia(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, v := range m.Variants {
		if full := v.Name(); name == full || name == full[:len(full)-len(".jpg")] {
			data, err := s.media.Blob(ctx, v.Key)
			return &servedImage{kind: v.Type, etag: `"` + v.Key[:32] + `"`, data: data}, err
		}
	}
	return nil, errNoImage()
}

func errNoImage() error {
	return liveblog.Errorf(liveblog.ErrNotFound, "media_not_found", "there is no such image")
}

// imageCache keeps the images that were asked for last, so that a post which
// everybody reads costs one query per node.
type imageCache struct {
	loading singleflight.Group

	mu    sync.Mutex
	order *list.List // of *imageEntry, latest first
	byKey map[string]*list.Element
	bytes int
}

type imageEntry struct {
	key   string
	image *servedImage
}

func newImageCache() *imageCache {
	return &imageCache{order: list.New(), byKey: map[string]*list.Element{}}
}

// get returns the image of key, from load if it is not in memory. Requests
// that miss at the same time share one load, which goes on when the first of
// them hangs up. Who joined one that was refused to another asks for itself.
func (c *imageCache) get(ctx context.Context, key string, load func(context.Context) (*servedImage, error)) (*servedImage, error) {
	if img := c.find(key); img != nil {
		return img, nil
	}
	for {
		own := false
		v, err, _ := c.loading.Do(key, func() (any, error) {
			own = true
			return c.load(key, func() (*servedImage, error) { return load(context.WithoutCancel(ctx)) })
		})
		if own || !errors.Is(err, liveblog.ErrTooMany) {
			return v.(*servedImage), err
		}
	}
}

func (c *imageCache) load(key string, load func() (*servedImage, error)) (*servedImage, error) {
	if img := c.find(key); img != nil {
		return img, nil
	}
	img, err := problem.Guard("read image "+key, load)
	if err == nil {
		c.keep(key, img)
	}
	return img, err
}

func (c *imageCache) find(key string) *servedImage {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[key]
	if !ok {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*imageEntry).image
}

func (c *imageCache) keep(key string, img *servedImage) {
	if len(img.data) > imageCacheEntry {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byKey[key] = c.order.PushFront(&imageEntry{key, img})
	c.bytes += len(img.data)
	for c.bytes > imageCacheBytes {
		c.dropLast()
	}
}

func (c *imageCache) dropLast() {
	last := c.order.Back()
	e := c.order.Remove(last).(*imageEntry)
	delete(c.byKey, e.key)
	c.bytes -= len(e.image.data)
}
