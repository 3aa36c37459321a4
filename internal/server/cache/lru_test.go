package cache

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

const most, mostOne = 64 << 10, 4 << 10

type image struct{ data []byte }

func newImageCache() *LRU[*image] {
	return NewLRU(most, mostOne, func(i *image) int { return len(i.data) })
}

func kept(c *LRU[*image], key string) bool {
	_, kept := c.find(key)
	return kept
}

func TestLRU_StaysWithinItsBytes(t *testing.T) {
	t.Parallel()
	c := newImageCache()
	load := func(size int) func(context.Context) (*image, error) {
		return func(context.Context) (*image, error) { return &image{data: make([]byte, size)}, nil }
	}
	for i := range 40 {
		if _, err := c.Get(t.Context(), fmt.Sprint(i), load(mostOne)); err != nil {
			t.Fatal(err)
		}
		if !kept(c, "0") && i < 15 { // using it keeps it
			t.Errorf("0 is gone after %d", i)
		}
	}
	if c.bytes > most || len(c.byKey) != most/mostOne || c.order.Len() != len(c.byKey) {
		t.Errorf("%d bytes in %d entries", c.bytes, len(c.byKey))
	}
	if _, err := c.Get(t.Context(), "big", load(mostOne+1)); err != nil || kept(c, "big") {
		t.Error("an image that is too big was kept")
	}
	failed := errors.New("failed")
	if _, err := c.Get(t.Context(), "bad", func(context.Context) (*image, error) { return nil, failed }); !errors.Is(err, failed) || kept(c, "bad") {
		t.Error("a failure was kept")
	}
}

func TestLRU_GoesOnWhenTheFirstHangsUp(t *testing.T) {
	t.Parallel()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	c := newImageCache()
	img, err := c.Get(gone, "x", func(ctx context.Context) (*image, error) { return &image{}, ctx.Err() })
	if err != nil || img == nil {
		t.Errorf("got %v, %v", img, err)
	}
}
