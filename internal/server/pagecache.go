package server

import (
	"errors"
	"sync"
	"time"

	"dateline/internal/liveblog"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/singleflight"
)

const (
	// pageLife is how long a page is served without asking the database, unless
	// the hub knows of more. The stream goes on from the number in the page, so
	// nobody misses anything.
	pageLife = time.Second
	// staleLife is how long it may be served while the database is away.
	staleLife = 10 * time.Minute
	// maxPages and maxPageBytes bound what is kept: anybody can ask for pages
	// of any tag.
	maxPages     = 1000
	maxPageBytes = 64 << 20
)

// pageCache makes many readers who load a page at once cost one snapshot and
// one rendering.
type pageCache struct {
	mu    sync.Mutex
	pages map[string]cachedPage
	bytes int
	loads singleflight.Group
	// outdated reports whether more is known than a page shows.
	outdated func(liveblog.Head) bool
}

type cachedPage struct {
	body *cacheable
	of   liveblog.Head // what the page shows
	at   time.Time
}

func newPageCache(outdated func(liveblog.Head) bool) *pageCache {
	return &pageCache{pages: map[string]cachedPage{}, outdated: outdated}
}

// loadPage reads and renders a page, and tells what it shows.
type loadPage func() (html []byte, of liveblog.Head, err error)

func (p *pageCache) get(key string, load loadPage) (*cacheable, error) {
	p.mu.Lock()
	kept, known := p.pages[key]
	p.mu.Unlock()
	if known && time.Since(kept.at) < pageLife && !p.outdated(kept.of) {
		return kept.body, nil
	}
	body, err, _ := p.loads.Do(key, func() (any, error) {
		html, of, err := load()
		if err != nil {
			return (*cacheable)(nil), err
		}
		return p.put(key, cachedPage{newCacheable(html), of, time.Now()}), nil
	})
	if errors.Is(err, liveblog.ErrUnavailable) && known && time.Since(kept.at) < staleLife {
		return kept.body, nil
	}
	return body.(*cacheable), err
}

func (p *pageCache) put(key string, page cachedPage) *cacheable {
	p.mu.Lock()
	defer p.mu.Unlock()
	if old, known := p.pages[key]; known {
		p.bytes -= old.body.size()
	}
	p.bytes += page.body.size()
	if len(p.pages) >= maxPages || p.bytes > maxPageBytes {
		clear(p.pages)
		p.bytes = page.body.size()
	}
	p.pages[key] = page
	return page.body
}

// cached answers with a page from the cache, made by load when there is none.
func (s *Server) cached(c *gin.Context, key string, load loadPage) error {
	body, err := s.pageCache.get(key, load)
	if err != nil {
		return err
	}
	body.write(c, "text/html; charset=utf-8")
	return nil
}
