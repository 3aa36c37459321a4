package media

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"slices"
	"strings"
	"testing"

	"dateline/internal/liveblog"

	"golang.org/x/sync/semaphore"
)

var (
	red   = color.RGBA{220, 20, 20, 255}
	green = color.RGBA{20, 200, 20, 255}
	blue  = color.RGBA{20, 20, 220, 255}
	white = color.RGBA{240, 240, 240, 255}
)

// quarters is a picture with another colour in each corner: red top left,
// green top right, blue bottom left, white bottom right.
func quarters(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetRGBA(x, y, cornerColor(x < w/2, y < h/2))
		}
	}
	return m
}

func cornerColor(left, top bool) color.RGBA {
	switch {
	case left && top:
		return red
	case top:
		return green
	case left:
		return blue
	}
	return white
}

func jpegOf(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func pngOf(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// withExif puts an Exif segment (TIFF, big endian) with the orientation, a
// camera's name and a GPS latitude reference behind the start of a JPEG.
func withExif(data []byte, o uint16) []byte {
	be := binary.BigEndian
	tiff := []byte("MM\x00\x2a\x00\x00\x00\x08")
	tiff = be.AppendUint16(tiff, 3)
	tiff = be.AppendUint32(be.AppendUint32(be.AppendUint32(tiff, 0x010f0002), 7), 50) // Make: 7 bytes at 50
	tiff = append(be.AppendUint16(be.AppendUint32(be.AppendUint32(tiff, 0x01120003), 1), o), 0, 0)
	tiff = be.AppendUint32(be.AppendUint32(be.AppendUint32(tiff, 0x88250004), 1), 57) // GPS directory at 57
	tiff = be.AppendUint32(tiff, 0)
	tiff = append(tiff, "SECRET\x00"...)
	tiff = be.AppendUint16(tiff, 1)
	tiff = append(be.AppendUint32(be.AppendUint32(tiff, 0x00010002), 2), 'N', 0, 0, 0)
	tiff = be.AppendUint32(tiff, 0)
	segment := append([]byte("Exif\x00\x00"), tiff...)
	out := append(slices.Clone(data[:2]), 0xff, 0xe1)
	out = be.AppendUint16(out, uint16(len(segment)+2))
	return append(append(out, segment...), data[2:]...)
}

func mustProcess(t *testing.T, data []byte) *Image {
	t.Helper()
	img, err := NewProcessor().Process(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func decoded(t *testing.T, b liveblog.Blob) image.Image {
	t.Helper()
	m, kind, err := image.Decode(bytes.NewReader(b.Data))
	if err != nil || "image/"+kind != b.Type {
		t.Fatalf("variant is %s, %v, want %s", kind, err, b.Type)
	}
	return m
}

func near(a color.Color, b color.RGBA) bool {
	r, g, bl, _ := a.RGBA()
	off := func(x uint32, y uint8) bool { d := int(x>>8) - int(y); return d < -24 || d > 24 }
	return !off(r, b.R) && !off(g, b.G) && !off(bl, b.B)
}

func TestProcess_Variants(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		w, h   int
		widths []int
	}{
		{2000, 1000, []int{1600, 800, 400}}, {1600, 900, []int{1600, 800, 400}}, {1000, 500, []int{1000, 800, 400}},
		{800, 10, []int{800, 400}}, {401, 3, []int{401, 400}}, {400, 3, []int{400}}, {1, 1, []int{1}}, {1700, 1, []int{1600, 800, 400}},
	} {
		img := mustProcess(t, jpegOf(t, quarters(tt.w, tt.h)))
		if img.Media.Width != tt.w || img.Media.Height != tt.h {
			t.Errorf("%dx%d became %dx%d", tt.w, tt.h, img.Media.Width, img.Media.Height)
		}
		var widths []int
		for i, v := range img.Media.Variants {
			widths = append(widths, v.Width)
			checkVariant(t, img, v, img.Blobs[i])
		}
		if !slices.Equal(widths, tt.widths) {
			t.Errorf("%dx%d: widths %v, want %v", tt.w, tt.h, widths, tt.widths)
		}
	}
}

func checkVariant(t *testing.T, img *Image, v liveblog.Variant, b liveblog.Blob) {
	t.Helper()
	sum := sha256.Sum256(b.Data)
	if v.Key != hex.EncodeToString(sum[:]) || b.Key != v.Key || v.Size != int64(len(b.Data)) || v.Type != b.Type {
		t.Errorf("variant %+v does not fit its blob", v)
	}
	bounds := decoded(t, b).Bounds()
	want := max(1, (img.Media.Height*v.Width+img.Media.Width/2)/img.Media.Width)
	if bounds.Dx() != v.Width || bounds.Dy() != v.Height || v.Height != want {
		t.Errorf("variant %+v has %v, want height %d", v, bounds, want)
	}
}

func TestProcess_Orientation(t *testing.T) {
	t.Parallel()
	corners := map[uint16][4]color.RGBA{ // top left, top right, bottom left, bottom right, as the viewer sees it
		1: {red, green, blue, white}, 2: {green, red, white, blue}, 3: {white, blue, green, red}, 4: {blue, white, red, green},
		5: {red, blue, green, white}, 6: {blue, red, white, green}, 7: {white, green, blue, red}, 8: {green, white, red, blue},
		0: {red, green, blue, white}, 9: {red, green, blue, white},
	}
	for o, want := range corners {
		img := mustProcess(t, withExif(jpegOf(t, quarters(900, 600)), o))
		w, h := 900, 600
		if o >= 5 && o <= 8 {
			w, h = 600, 900
		}
		if img.Media.Width != w || img.Media.Height != h {
			t.Errorf("orientation %d: %dx%d", o, img.Media.Width, img.Media.Height)
		}
		for _, b := range img.Blobs {
			m := decoded(t, b)
			right, bottom := m.Bounds().Dx()-9, m.Bounds().Dy()-9
			for i, p := range []image.Point{{8, 8}, {right, 8}, {8, bottom}, {right, bottom}} {
				if !near(m.At(p.X, p.Y), want[i]) {
					t.Errorf("orientation %d, corner %d: %v, want %v", o, i, m.At(p.X, p.Y), want[i])
				}
			}
		}
	}
}

func TestProcess_MetadataIsGone(t *testing.T) {
	t.Parallel()
	in := withExif(jpegOf(t, quarters(500, 300)), 6)
	if !bytes.Contains(in, []byte("SECRET")) {
		t.Fatal("the test's own Exif is missing")
	}
	for _, b := range mustProcess(t, append(in, "<script>alert(1)</script>"...)).Blobs {
		for _, trace := range []string{"Exif", "SECRET", "script"} {
			if bytes.Contains(b.Data, []byte(trace)) {
				t.Errorf("%s is still there", trace)
			}
		}
	}
}

func TestProcess_Alpha(t *testing.T) {
	t.Parallel()
	m := quarters(900, 600)
	if got := mustProcess(t, pngOf(t, m)).Blobs[0].Type; got != "image/jpeg" {
		t.Errorf("opaque PNG became %s", got)
	}
	for y := range 300 {
		for x := range 900 {
			m.SetRGBA(x, y, color.RGBA{})
		}
	}
	img := mustProcess(t, pngOf(t, m))
	for _, b := range img.Blobs {
		if _, _, _, a := decoded(t, b).At(5, 5).RGBA(); b.Type != "image/png" || a != 0 {
			t.Errorf("transparent PNG became %s with alpha %d", b.Type, a)
		}
	}
	if img.Media.Color == "#808080" || len(img.Media.Color) != 7 {
		t.Errorf("average colour %s", img.Media.Color)
	}
}

func TestProcess_Color(t *testing.T) {
	t.Parallel()
	m := image.NewRGBA(image.Rect(0, 0, 50, 50))
	if got := average(m); got != "#808080" {
		t.Errorf("of nothing: %s", got)
	}
	for i := range m.Pix {
		m.Pix[i] = []uint8{0x10, 0x80, 0xf0, 0xff}[i%4]
	}
	if got := average(m); got != "#1080f0" {
		t.Errorf("got %s", got)
	}
}

func TestProcess_AnimatedGIF(t *testing.T) {
	t.Parallel()
	frame := func(c color.Color) *image.Paletted {
		return image.NewPaletted(image.Rect(0, 0, 20, 10), color.Palette{c})
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, &gif.GIF{Image: []*image.Paletted{frame(red), frame(blue)}, Delay: []int{1, 1}}); err != nil {
		t.Fatal(err)
	}
	img := mustProcess(t, b.Bytes())
	if m := decoded(t, img.Blobs[0]); img.Media.Width != 20 || !near(m.At(5, 5), red) {
		t.Errorf("%dx%d with %v, want the first frame", img.Media.Width, img.Media.Height, m.At(5, 5))
	}
}

// tinyWebP is a lossless WebP of one pixel.
const tinyWebP = "UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA=="

func TestProcess_WebP(t *testing.T) {
	t.Parallel()
	data, err := base64.StdEncoding.DecodeString(tinyWebP)
	if err != nil {
		t.Fatal(err)
	}
	if img := mustProcess(t, data); img.Media.Width != 1 || img.Media.Height != 1 {
		t.Errorf("got %dx%d", img.Media.Width, img.Media.Height)
	}
}

// pngHeader is a PNG that declares a size and holds nothing.
func pngHeader(w, h uint32) []byte {
	be := binary.BigEndian
	chunk := append([]byte("IHDR"), be.AppendUint32(be.AppendUint32(nil, w), h)...)
	chunk = append(chunk, 8, 6, 0, 0, 0)
	out := be.AppendUint32([]byte("\x89PNG\r\n\x1a\n"), uint32(len(chunk)-4))
	return be.AppendUint32(append(out, chunk...), crc32.ChecksumIEEE(chunk))
}

func TestProcess_Refusals(t *testing.T) {
	t.Parallel()
	good := jpegOf(t, quarters(300, 200))
	for name, tt := range map[string]struct {
		data []byte
		kind error
	}{
		"nothing":               {nil, liveblog.ErrMediaType},
		"text":                  {[]byte("hello"), liveblog.ErrMediaType},
		"SVG":                   {[]byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`), liveblog.ErrMediaType},
		"HTML":                  {[]byte("<!DOCTYPE html><script>alert(1)</script>"), liveblog.ErrMediaType},
		"PDF":                   {[]byte("%PDF-1.7\n"), liveblog.ErrMediaType},
		"BMP":                   {[]byte("BM\x00\x00\x00\x00"), liveblog.ErrMediaType},
		"TIFF":                  {[]byte("II*\x00\x08\x00\x00\x00"), liveblog.ErrMediaType},
		"HTML behind a space":   {append([]byte(" "), good...), liveblog.ErrMediaType},
		"GIF that is a script":  {[]byte("GIF89a=1;alert(1)//"), liveblog.ErrInvalid},
		"JPEG that is HTML":     {[]byte("\xff\xd8\xff<html><script>alert(1)</script>"), liveblog.ErrMediaType},
		"PNG that is HTML":      {[]byte("\x89PNG\r\n\x1a\n<html>"), liveblog.ErrMediaType},
		"WebP that is HTML":     {[]byte("RIFF\x10\x00\x00\x00WEBP<html>"), liveblog.ErrMediaType},
		"RIFF that is sound":    {[]byte("RIFF\x10\x00\x00\x00WAVEfmt "), liveblog.ErrMediaType},
		"pixel bomb":            {pngHeader(60_000, 60_000), liveblog.ErrInvalid},
		"too wide":              {pngHeader(12_001, 1), liveblog.ErrInvalid},
		"too many pixels":       {pngHeader(8_000, 6_251), liveblog.ErrInvalid},
		"declared, not there":   {pngHeader(100, 100), liveblog.ErrInvalid},
		"truncated JPEG header": {good[:20], liveblog.ErrMediaType},
		"truncated JPEG":        {good[:len(good)/2], liveblog.ErrInvalid},
		"too many bytes":        {make([]byte, MaxUpload+1), liveblog.ErrTooLarge},
	} {
		if _, err := NewProcessor().Process(t.Context(), tt.data); !errors.Is(err, tt.kind) {
			t.Errorf("%s: got %v, want %v", name, err, tt.kind)
		}
	}
}

func TestProcess_WaitsForItsTurn(t *testing.T) {
	t.Parallel()
	data := jpegOf(t, quarters(10, 10))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for name, tt := range map[string]struct {
		turns func(*Processor) *semaphore.Weighted
		all   int64
		ctx   context.Context
	}{
		"decoders": {func(p *Processor) *semaphore.Weighted { return p.decoders }, maxDecoders, gone},
		"memory":   {func(p *Processor) *semaphore.Weighted { return p.memory }, maxMemory, gone},
		"uploads":  {func(p *Processor) *semaphore.Weighted { return p.uploads }, maxUploads, t.Context()},
	} {
		p := NewProcessor()
		if err := tt.turns(p).Acquire(t.Context(), tt.all); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Process(tt.ctx, data); !errors.Is(err, liveblog.ErrUnavailable) {
			t.Errorf("%s, full: got %v", name, err)
		}
		tt.turns(p).Release(tt.all)
		if _, err := p.Process(t.Context(), data); err != nil {
			t.Errorf("%s, with room: %v", name, err)
		}
	}
}

func FuzzProcess(f *testing.F) {
	small := quarters(30, 20)
	webp, _ := base64.StdEncoding.DecodeString(tinyWebP)
	for _, seed := range [][]byte{jpegOf(f, small), withExif(jpegOf(f, small), 6), pngOf(f, small), webp, pngHeader(60_000, 60_000), []byte("GIF89a=1;")} {
		f.Add(seed)
	}
	p := NewProcessor()
	p.maxPixels, p.maxSide = 1<<16, 1<<10
	f.Fuzz(func(t *testing.T, data []byte) {
		img, err := p.Process(t.Context(), data)
		if err != nil {
			if !slices.ContainsFunc([]error{liveblog.ErrInvalid, liveblog.ErrMediaType, liveblog.ErrTooLarge}, func(kind error) bool { return errors.Is(err, kind) }) {
				t.Errorf("error of no kind: %v", err)
			}
			return
		}
		if len(img.Blobs) == 0 || len(img.Blobs) != len(img.Media.Variants) || !strings.HasPrefix(img.Media.Color, "#") {
			t.Errorf("incomplete: %+v", img.Media)
		}
	})
}
