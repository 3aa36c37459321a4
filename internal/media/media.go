// Package media turns uploaded pictures into the variants that readers get,
// and can keep them in a directory. Nothing of an upload is stored as it came:
// every picture is decoded, turned upright and encoded again, which leaves
// metadata, and whatever else was in the file, behind. It starts no goroutine
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

// MaxUpload is how many bytes a picture may have.
const MaxUpload = 10 << 20

// Limits of what is decoded. A small file can declare a picture that fills
// the memory; these are checked before any pixel is decoded.
const (
	maxPixels   = 50_000_000
	maxSide     = 12_000
	maxDecoders = 2  // at once; each keeps a core busy
	maxUploads  = 16 // decoded and waiting: their bytes are in memory too
	// maxGarbage is how many bytes finished pictures may leave to the collector,
	// which else lets memory double before it looks.
	maxGarbage = 64 << 20
)

// Image is an upload made ready to be stored. Media lacks what the client
// says about it: id, texts, owner.
type Image struct {
	Media liveblog.Media
	Blobs []liveblog.Blob // of Media.Variants, in the same order
}

// Processor decodes uploads, a few at once, and no more than there is memory for.
type Processor struct {
	uploads   *semaphore.Weighted
	decoders  *semaphore.Weighted
	memory    *semaphore.Weighted // bytes
	garbage   atomic.Int64
	maxMemory int64
	maxPixels int
	maxSide   int
}

// NewProcessor makes a Processor with the product's limits.
func NewProcessor() *Processor { return newProcessor(maxMemory) }

func newProcessor(memory int64) *Processor {
	return &Processor{
		uploads: semaphore.NewWeighted(maxUploads), decoders: semaphore.NewWeighted(maxDecoders),
		memory: semaphore.NewWeighted(memory), maxMemory: memory, maxPixels: maxPixels, maxSide: maxSide,
	}
}

// Process makes the variants of an uploaded JPEG, PNG, GIF (its first frame)
// or WebP. It waits for its turn until ctx ends, which is ErrUnavailable, as are
// too many who wait. A file of another type is ErrMediaType, one with too many
// bytes ErrTooLarge, and one with too many pixels or that is damaged ErrInvalid.
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

// free gives memory back for other pictures. What was used is garbage, so it is
// collected when there is much of it.
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

// opaque reports whether nothing shines through the picture.
func opaque(m image.Image) bool {
	o, ok := m.(interface{ Opaque() bool })
	return ok && o.Opaque()
}
