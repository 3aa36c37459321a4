// Package media converts uploaded pictures to the variants that readers receive, and can
// store them in a directory. It decodes every picture, rotates it upright and encodes it
// again, so no metadata, and nothing else of the file, is stored. It starts no goroutine
// that outlives a call.
package media

import (
	"bytes"
	"context"
	"image"
	"runtime"
	"sync/atomic"

	"dateline/internal/liveblog"

	"golang.org/x/sync/semaphore"
)

// MaxUpload is the maximum size of an upload, in bytes.
const MaxUpload = 10 << 20

// Limits of decoding. They are checked before any pixel is decoded, since a small file can
// declare a picture that fills the memory.
const (
	maxPixels   = 50_000_000
	maxSide     = 12_000
	maxDecoders = 2  // concurrent; each occupies a core
	maxUploads  = 16 // that are decoded or wait, since their bytes are in memory
	// maxGarbage is how many bytes finished pictures leave before the garbage collector
	// runs. By itself it would let the heap double first.
	maxGarbage = 64 << 20
)

// Image is a processed upload. Its Media lacks what the caller sets: id, texts, owner.
type Image struct {
	Media liveblog.Media
	Blobs []liveblog.Blob // of Media.Variants, in the same order
}

// Processor decodes uploads, a few concurrently, within a budget of memory.
type Processor struct {
	uploads   *semaphore.Weighted
	decoders  *semaphore.Weighted
	memory    *semaphore.Weighted // bytes
	garbage   atomic.Int64
	maxMemory int64
	maxPixels int
	maxSide   int
}

// NewProcessor returns a Processor with the limits above.
func NewProcessor() *Processor { return newProcessor(maxMemory) }

func newProcessor(memory int64) *Processor {
	return &Processor{
		uploads: semaphore.NewWeighted(maxUploads), decoders: semaphore.NewWeighted(maxDecoders),
		memory: semaphore.NewWeighted(memory), maxMemory: memory, maxPixels: maxPixels, maxSide: maxSide,
	}
}

// Process returns the variants of an uploaded JPEG, PNG, GIF (of its first frame) or WebP.
// It waits for a decoder and for memory. It is ErrUnavailable if ctx ends first or
// maxUploads are under way, ErrMediaType for another type of file, ErrTooLarge for too
// many bytes, and ErrInvalid for too many pixels or a damaged file.
func (p *Processor) Process(ctx context.Context, data []byte) (*Image, error) {
	if len(data) > MaxUpload {
		return nil, liveblog.Errorf(liveblog.ErrTooLarge, "too_large", "a picture may have at most %d MB", MaxUpload>>20)
	}
	f, err := formatOf(data)
	if err != nil {
		return nil, err
	}
	memory, err := p.checkSize(f, data)
	if err != nil {
		return nil, err
	}
	if !p.uploads.TryAcquire(1) {
		return nil, errBusy()
	}
	defer p.uploads.Release(1)
	if err := p.decoders.Acquire(ctx, 1); err != nil {
		return nil, errBusy()
	}
	defer p.decoders.Release(1)
	if err := p.memory.Acquire(ctx, memory); err != nil {
		return nil, errBusy()
	}
	defer p.free(memory)
	return process(ctx, f, data)
}

func errBusy() error {
	return liveblog.Errorf(liveblog.ErrUnavailable, "busy", "too many pictures are being processed")
}

// free returns memory to the budget. The memory itself is garbage by then; free runs the
// garbage collector when there is more than maxGarbage.
func (p *Processor) free(memory int64) {
	if p.garbage.Add(memory) >= maxGarbage {
		p.garbage.Store(0)
		runtime.GC()
	}
	p.memory.Release(memory)
}

func process(ctx context.Context, f format, data []byte) (*Image, error) {
	src, err := f.decode(bytes.NewReader(data))
	if err != nil || src.Bounds().Empty() {
		return nil, liveblog.Errorf(liveblog.ErrInvalid, "image_damaged", "the picture is damaged or incomplete")
	}
	o := orientationOf(f, data)
	return variants(ctx, src, o)
}

// opaque reports whether no pixel is transparent.
func opaque(m image.Image) bool {
	o, ok := m.(interface{ Opaque() bool })
	return ok && o.Opaque()
}
