package server

import (
	"fmt"
	"testing"

	"dateline/internal/liveblog"
)

// Whoever asks for pages of ever new tags fills no memory.
func TestPageCache_StaysWithinItsBytes(t *testing.T) {
	t.Parallel()
	p := newPageCache(func(liveblog.Head) bool { return false })
	const pages = 80
	for i := range 2 * pages {
		p.put(fmt.Sprint(i%pages), cachedPage{body: &cacheable{plain: make([]byte, 1<<20)}})
		held := 0
		for _, page := range p.pages {
			held += page.body.size()
		}
		if held > maxPageBytes || held != p.bytes {
			t.Fatalf("%d bytes are kept after %d pages, %d counted", held, i+1, p.bytes)
		}
	}
}
