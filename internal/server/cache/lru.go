package cache

import (
	"container/list"
	"context"
	"errors"
	"sync"

	"dateline/internal/liveblog"
	"dateline/internal/server/problem"

	"golang.org/x/sync/singleflight"
)

// LRU keeps the values that were used most recently, so that one which all readers ask for
// costs one read per node. Values never change.
type LRU[T any] struct {
	most    int // bytes of all values
	mostOne int // bytes of one value that is kept
	size    func(T) int
	loading singleflight.Group

	mu    sync.Mutex
	order *list.List // of *used, most recently used first
	byKey map[string]*list.Element
	bytes int
}

type used[T any] struct {
	key   string
	value T
}

// NewLRU makes an empty cache for at most most bytes of values, each of at most mostOne.
func NewLRU[T any](most, mostOne int, size func(T) int) *LRU[T] {
	return &LRU[T]{most: most, mostOne: mostOne, size: size, order: list.New(), byKey: map[string]*list.Element{}}
}

// Get returns the value of a key, from load if it is not kept. Requests that miss at the same
// time share one load, which goes on when the first of them is cancelled. One that joined a
// load which was refused to another client's address loads the value itself.
func (c *LRU[T]) Get(ctx context.Context, key string, load func(context.Context) (T, error)) (T, error) {
	if v, kept := c.find(key); kept {
		return v, nil
	}
	for {
		own := false
		v, err, _ := c.loading.Do(key, func() (any, error) {
			own = true
			return c.load(key, func() (T, error) { return load(context.WithoutCancel(ctx)) })
		})
		if own || !errors.Is(err, liveblog.ErrTooMany) {
			return v.(T), err
		}
	}
}

func (c *LRU[T]) load(key string, load func() (T, error)) (T, error) {
	if v, kept := c.find(key); kept {
		return v, nil
	}
	v, err := problem.Guard("read "+key, load)
	if err == nil {
		c.keep(key, v)
	}
	return v, err
}

func (c *LRU[T]) find(key string) (value T, kept bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, kept := c.byKey[key]
	if !kept {
		return value, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*used[T]).value, true
}

// keep adds a value and drops those used longest ago that have no room any more.
func (c *LRU[T]) keep(key string, value T) {
	size := c.size(value)
	if size > c.mostOne {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byKey[key] = c.order.PushFront(&used[T]{key, value})
	c.bytes += size
	for c.bytes > c.most {
		last := c.order.Remove(c.order.Back()).(*used[T])
		delete(c.byKey, last.key)
		c.bytes -= c.size(last.value)
	}
}
