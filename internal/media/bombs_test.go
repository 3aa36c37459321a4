package media

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"dateline/internal/liveblog"
)

// pngBomb is a small file that is whole and unpacks to w by h pixels of nothing.
func pngBomb(depth, colorType, interlace byte, w, h, bitsPerPixel int) []byte {
	be := binary.BigEndian
	header := append(be.AppendUint32(be.AppendUint32(nil, uint32(w)), uint32(h)), depth, colorType, 0, 0, interlace)
	var packed bytes.Buffer
	z, _ := zlib.NewWriterLevel(&packed, zlib.BestSpeed)
	rows := make([]byte, 1<<20)
	for left := rawBytes(interlace, w, h, bitsPerPixel); left > 0; left -= len(rows) {
		_, _ = z.Write(rows[:min(left, len(rows))])
	}
	_ = z.Close()
	out := []byte("\x89PNG\r\n\x1a\n")
	for _, c := range []struct {
		name string
		data []byte
	}{{"IHDR", header}, {"IDAT", packed.Bytes()}, {"IEND", nil}} {
		out = append(out, pngChunk(c.name, c.data)...)
	}
	return out
}

// rawBytes is what the pixels take before they are packed: each row of each pass
// begins with the number of its filter.
func rawBytes(interlace byte, w, h, bitsPerPixel int) int {
	pass := func(w, h int) int {
		if w <= 0 || h <= 0 {
			return 0
		}
		return h * (1 + (w*bitsPerPixel+7)/8)
	}
	if interlace == 0 {
		return pass(w, h)
	}
	sum := 0
	for _, p := range [][4]int{{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}} {
		sum += pass((w-p[0]+p[2]-1)/p[2], (h-p[1]+p[3]-1)/p[3])
	}
	return sum
}

func pngChunk(name string, data []byte) []byte {
	be := binary.BigEndian
	body := append([]byte(name), data...)
	return be.AppendUint32(append(be.AppendUint32(nil, uint32(len(data))), body...), crc32.ChecksumIEEE(body))
}

// progressiveBomb is a progressive JPEG whose every scan says of all its blocks,
// in a few bytes, that there is nothing in them.
func progressiveBomb(w, h, components, scans int) []byte {
	be := binary.BigEndian
	segment := func(marker byte, data []byte) []byte {
		return append(be.AppendUint16([]byte{0xff, marker}, uint16(len(data)+2)), data...)
	}
	out := []byte{0xff, 0xd8}
	out = append(out, segment(0xdb, append([]byte{0}, bytes.Repeat([]byte{1}, 64)...))...)
	frame := append(be.AppendUint16(be.AppendUint16([]byte{8}, uint16(h)), uint16(w)), byte(components))
	for i := range components {
		frame = append(frame, byte(i+1), 0x11, 0)
	}
	out = append(out, segment(0xc2, frame)...)
	table := func(id, symbol byte) []byte {
		return append(append([]byte{id, 1}, make([]byte, 15)...), symbol)
	}
	out = append(out, segment(0xc4, table(0x00, 0))...)
	out = append(out, segment(0xc4, table(0x10, 0xe0))...)
	blocks := ((w + 7) / 8) * ((h + 7) / 8)
	runs := (blocks + 1<<14 - 1) >> 14 // each code is of 15 bits, all zero, and good for 2^14 blocks
	for i := range scans {
		out = append(out, segment(0xda, []byte{1, byte(i%components + 1), 0, 1, 63, 0})...)
		out = append(out, make([]byte, (runs*15+7)/8)...)
	}
	return append(out, 0xff, 0xd9)
}

// flatWebP is a lossless WebP whose pixels take no bits at all.
func flatWebP(w, h int) []byte {
	le := binary.LittleEndian
	size := le.AppendUint32(nil, uint32(w-1)|uint32(h-1)<<14)
	// No transform, no cache, one group of five codes of one symbol each.
	pixels := append(append([]byte{0x2f}, size...), 0x88, 0x88, 0x08, 0, 0, 0)
	pixels = append(pixels, make([]byte, len(pixels)%2)...)
	chunk := append(le.AppendUint32([]byte("VP8L"), uint32(len(pixels))), pixels...)
	return append(append(le.AppendUint32([]byte("RIFF"), uint32(len(chunk)+4)), "WEBP"...), chunk...)
}

// Few bytes can ask for much memory and time in more ways than by their size.
// The test runs alone: it counts what is allocated meanwhile.
func TestProcess_Bombs(t *testing.T) {
	const most = 320 << 20
	for name, tt := range map[string]struct {
		data    []byte
		refused bool
	}{
		"8 bits, tall":                  {pngBomb(8, 2, 0, 4166, 12_000, 24), false},
		"1 bit":                         {pngBomb(1, 0, 0, 7000, 7000, 1), false},
		"interlaced, 8 bits":            {pngBomb(8, 6, 1, 3000, 3000, 32), false},
		"interlaced, 16 bits":           {pngBomb(16, 6, 1, 7000, 7000, 64), true},
		"lossless WebP":                 {flatWebP(5000, 5000), false},
		"progressive, grey":             {progressiveBomb(7000, 7000, 1, 10), false},
		"progressive, colours":          {progressiveBomb(7000, 7000, 3, 10), true},
		"progressive, four colours":     {progressiveBomb(5000, 5000, 4, 10), true},
		"as many scans as there may be": {progressiveBomb(1000, 1000, 3, maxScans), false},
		"more scans":                    {progressiveBomb(1000, 1000, 3, maxScans+1), true},
		"a hundred thousand scans":      {progressiveBomb(1000, 1000, 1, 100_000), true},
		"noise before the frame":        {slices.Concat([]byte("\xff\xd8\xff\x00\xff\xd0xx\xff\xff"), progressiveBomb(7000, 7000, 3, 10)[3:]), true},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := time.Now()
		_, err := NewProcessor().Process(t.Context(), tt.data)
		runtime.ReadMemStats(&after)
		allocated := after.TotalAlloc - before.TotalAlloc
		t.Logf("%s: %d bytes became %d MB in %v: %v", name, len(tt.data), allocated>>20, time.Since(began).Round(time.Millisecond), err)
		if allocated > most || errors.Is(err, liveblog.ErrInvalid) != tt.refused || err != nil && !tt.refused {
			t.Errorf("%s: %d MB, %v, refused must be %v", name, allocated>>20, err, tt.refused)
		}
	}
}

// What a picture needs is read from what its own format says of it.
func TestCheckSize_MemoryOfEachFormat(t *testing.T) {
	t.Parallel()
	const mega = 1_000_000
	transparent := func(data []byte) []byte { return slices.Insert(data, 33, pngChunk("tRNS", make([]byte, 2))...) }
	for name, tt := range map[string]struct {
		data     []byte
		perPixel int64 // beside the byte for what is made of it
	}{
		"JPEG, a quarter of the colours": {jpegOf(t, quarters(1000, 1000)), 1},
		"progressive JPEG, grey":         {progressiveBomb(1000, 1000, 1, 1), 5},
		"progressive JPEG, colours":      {progressiveBomb(1000, 1000, 3, 1), 15},
		"PNG, 1 bit":                     {pngBomb(1, 0, 0, 1000, 1000, 1), 1},
		"PNG, grey":                      {pngBomb(8, 0, 0, 1000, 1000, 8), 1},
		"PNG, grey of 16 bits":           {pngBomb(16, 0, 0, 1000, 1000, 16), 2},
		"PNG, grey, one transparent":     {transparent(pngBomb(16, 0, 0, 1000, 1000, 16)), 8},
		"PNG, palette":                   {slices.Insert(pngBomb(8, 3, 0, 1000, 1000, 8), 33, pngChunk("PLTE", make([]byte, 6))...), 1},
		"PNG, colours":                   {pngBomb(8, 2, 0, 1000, 1000, 24), 4},
		"PNG, colours of 16 bits":        {pngBomb(16, 2, 0, 1000, 1000, 48), 8},
		"PNG, transparent, interlaced":   {pngBomb(8, 6, 1, 1000, 1000, 32), 6},
		"WebP without loss":              {flatWebP(1000, 1000), 8},
		"GIF of a thousand frames":       {movingGIF(t, 1000, 1000, 1000), 1},
	} {
		f, err := formatOf(tt.data)
		if err != nil {
			t.Fatal(err)
		}
		need, err := NewProcessor().checkSize(f, tt.data)
		if want := (tt.perPixel + 1) * mega; err != nil || need/mega != want/mega {
			t.Errorf("%s: %d bytes, %v, want %d", name, need, err, want)
		}
		if _, err := NewProcessor().Process(t.Context(), tt.data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// movingGIF has one picture, and then a pixel for each frame.
func movingGIF(t *testing.T, w, h, frames int) []byte {
	t.Helper()
	black := color.Palette{color.Black, color.White}
	g := &gif.GIF{Image: []*image.Paletted{image.NewPaletted(image.Rect(0, 0, w, h), black)}, Delay: make([]int, frames)}
	for range frames - 1 {
		g.Image = append(g.Image, image.NewPaletted(image.Rect(0, 0, 1, 1), black))
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, g); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Pictures whose bytes look like chance, as photographs do, are what they are,
// whatever pair of bytes is in them.
func TestProcess_LargeOrdinaryPNGs(t *testing.T) {
	t.Parallel()
	for _, side := range []int{1000, 1700} {
		m := image.NewRGBA(image.Rect(0, 0, side, side))
		chance := rand.NewChaCha8([32]byte{21})
		_, _ = chance.Read(m.Pix)
		for i := 3; i < len(m.Pix); i += 4 {
			m.Pix[i] = 255
		}
		data := pngOf(t, m)
		if scans := bytes.Count(data, []byte{0xff, 0xda}); len(data) < 3_000_000 || len(data) > MaxUpload || side > 1200 && scans <= maxScans {
			t.Fatalf("%d bytes, %d times FF DA", len(data), scans)
		}
		if img := mustProcess(t, data); img.Media.Width != side {
			t.Errorf("%d bytes: %d wide", len(data), img.Media.Width)
		}
	}
}

// What looks like scans in a JPEG's metadata, or behind its end, is none of it.
func TestProcess_ThumbnailsAreNoScans(t *testing.T) {
	t.Parallel()
	plain := jpegOf(t, quarters(100, 100))
	scans := bytes.Repeat([]byte{0xff, 0xda}, 1000)
	for name, data := range map[string][]byte{
		"in metadata": slices.Concat(plain[:2], []byte{0xff, 0xe2, 0x07, 0xd2}, scans, plain[2:]),
		"behind it":   slices.Concat(plain, scans),
		"another":     slices.Concat(plain, progressiveBomb(100, 100, 1, 2*maxScans)),
	} {
		if _, err := NewProcessor().Process(t.Context(), data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
