package server

import (
	"context"
	"errors"
	"sync"
	"time"

	"dateline/internal/liveblog"

	"golang.org/x/sync/singleflight"
)

const (
	// blogLife is how long a blog is believed to be as it was read.
	blogLife = time.Second
	// staleBlogLife is how long that goes on while the database is away, so
	// that open streams can be resumed.
	staleBlogLife = 10 * time.Minute
	// maxBlogs bounds how many are kept.
	maxBlogs = 4096
)

// blogCache keeps the blogs that readers ask for, so that a storm of them costs
// the database one query a second. What is not found is not kept.
type blogCache struct {
	mu    sync.Mutex
	blogs map[string]cachedBlog
	loads singleflight.Group
}

type cachedBlog struct {
	blog *liveblog.Blog
	at   time.Time
}

func newBlogCache() *blogCache { return &blogCache{blogs: map[string]cachedBlog{}} }

// get gives the blog of a slug, at most a second old; callers do not change it.
func (b *blogCache) get(ctx context.Context, store BlogStore, slug string) (*liveblog.Blog, error) {
	b.mu.Lock()
	kept, known := b.blogs[slug]
	b.mu.Unlock()
	if known && time.Since(kept.at) < blogLife {
		return kept.blog, nil
	}
	blog, err, _ := b.loads.Do(slug, func() (any, error) {
		blog, err := store.Blog(context.WithoutCancel(ctx), slug)
		if err == nil {
			b.put(slug, blog)
		}
		return blog, err
	})
	if errors.Is(err, liveblog.ErrUnavailable) && known && time.Since(kept.at) < staleBlogLife {
		return kept.blog, nil
	}
	return blog.(*liveblog.Blog), err
}

func (b *blogCache) put(slug string, blog *liveblog.Blog) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.blogs) >= maxBlogs {
		clear(b.blogs)
	}
	b.blogs[slug] = cachedBlog{blog, time.Now()}
}
