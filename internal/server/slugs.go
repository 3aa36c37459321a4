package server

import (
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/singleflight"
)

const (
	// slugLife is how long a slug is believed to name the same blog.
	slugLife = 10 * time.Second
	// maxSlugs bounds how many are kept.
	maxSlugs = 4096
)

// slugCache remembers which blog a slug names, so that a storm of readers who
// reconnect asks the database once. What is not found is not remembered.
type slugCache struct {
	mu    sync.Mutex
	known map[string]slugEntry
	loads singleflight.Group
}

type slugEntry struct {
	id    uuid.UUID
	until time.Time
}

func newSlugCache() *slugCache { return &slugCache{known: map[string]slugEntry{}} }

func (c *slugCache) get(slug string, load func() (uuid.UUID, error)) (uuid.UUID, error) {
	c.mu.Lock()
	entry, known := c.known[slug]
	c.mu.Unlock()
	if known && time.Now().Before(entry.until) {
		return entry.id, nil
	}
	id, err, _ := c.loads.Do(slug, func() (any, error) {
		id, err := load()
		if err == nil {
			c.put(slug, id)
		}
		return id, err
	})
	return id.(uuid.UUID), err
}

func (c *slugCache) put(slug string, id uuid.UUID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= maxSlugs {
		clear(c.known)
	}
	c.known[slug] = slugEntry{id, time.Now().Add(slugLife)}
}
