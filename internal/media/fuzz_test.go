package media

import (
	"bytes"
	"encoding/base64"
	"errors"
	"image"
	"image/gif"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dateline/internal/liveblog"
)

// What the head of a file declares decides before a pixel is decoded: nothing
// that is too large goes on, and the way it is turned is one of the eight.
func FuzzHeader(f *testing.F) {
	small := quarters(8, 8)
	webp, err := base64.StdEncoding.DecodeString(tinyWebP)
	if err != nil {
		f.Fatal(err)
	}
	var moving bytes.Buffer
	if err := gif.Encode(&moving, small, nil); err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{jpegOf(f, small), withExif(jpegOf(f, small), 6), pngOf(f, small), webp, moving.Bytes(), pngHeader(60_000, 60_000), pngHeader(0, 1), []byte("GIF89a=1;"), []byte("\xff\xd8\xff<html>")} {
		f.Add(seed)
	}
	p := NewProcessor()
	f.Fuzz(func(t *testing.T, data []byte) {
		format, err := formatOf(data)
		if err != nil {
			return
		}
		memory, err := p.checkSize(format, data)
		if err != nil && !errors.Is(err, liveblog.ErrInvalid) && !errors.Is(err, liveblog.ErrMediaType) {
			t.Errorf("error of another kind: %v", err)
		}
		c, declared := format.config(bytes.NewReader(data))
		if fits := c.Width > 0 && c.Height > 0 && c.Width <= maxSide && c.Height <= maxSide && c.Width*c.Height <= maxPixels; declared == nil && !fits && err == nil || err == nil && (memory < 0 || memory > maxMemory) {
			t.Errorf("%d by %d with %d bytes: %v", c.Width, c.Height, memory, err)
		}
		if o := orientationOf(format, data); o < 1 || o > 8 {
			t.Errorf("turned by %d", o)
		}
	})
}

// Turning a picture moves each pixel to a place of its own.
func FuzzTurn(f *testing.F) {
	for o := range uint8(9) {
		f.Add(o, []byte("0123456789ab"), uint8(3))
	}
	f.Fuzz(func(t *testing.T, o uint8, pixels []byte, width uint8) {
		w := int(width%16) + 1
		h := len(pixels) / w
		if h == 0 || h > 64 {
			return
		}
		m := image.NewRGBA(image.Rect(0, 0, w, h))
		for i := range w * h {
			m.Pix[4*i], m.Pix[4*i+1] = pixels[i], byte(i)
		}
		turn := orientation(o%8 + 1)
		back := map[orientation]orientation{6: 8, 8: 6}[turn]
		if back == 0 {
			back = turn // the others are their own way back
		}
		turned := turn.apply(m)
		if kept := turned.Rect.Dx() == w; kept != (!turn.swapped() || w == h) {
			t.Errorf("%d by %d, turned by %d: %v", w, h, turn, turned.Rect)
		}
		if again := back.apply(turned); !bytes.Equal(again.Pix, m.Pix) || again.Rect != m.Rect {
			t.Errorf("%d by %d, turned by %d and %d: not the same", w, h, turn, back)
		}
	})
}

// No key leads out of the directory or to a file that is no picture.
func FuzzDirKey(f *testing.F) {
	name := f.TempDir()
	d, err := NewDir(filepath.Join(name, "media"), nil)
	if err != nil {
		f.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(name, "secret"), []byte("secret"), 0o600); err != nil {
		f.Fatal(err)
	}
	key := strings.Repeat("0a", 32)
	if err := d.write(liveblog.Blob{Key: key, Data: []byte("picture")}); err != nil {
		f.Fatal(err)
	}
	for _, k := range []string{key, strings.ToUpper(key), key + "\n", "../secret", "..", "", "0a/" + key, key[:62] + "..", "\x00" + key[1:], strings.Repeat("f", 64), strings.Repeat("a", 5000)} {
		f.Add(k)
	}
	f.Fuzz(func(t *testing.T, k string) {
		data, err := d.Blob(t.Context(), k)
		if (err == nil) != (k == key) || err == nil && string(data) != "picture" {
			t.Errorf("%q: %q %v", k, data, err)
		}
		if err != nil && !errors.Is(err, liveblog.ErrNotFound) {
			t.Errorf("%q: error of another kind: %v", k, err)
		}
		valid := len(k) == 64 && strings.Trim(k, "0123456789abcdef") == ""
		if !valid && d.write(liveblog.Blob{Key: k}) == nil {
			t.Errorf("%q was written", k)
		}
		if entries, err := fs.ReadDir(d.root.FS(), "."); err != nil || len(entries) != 1 {
			t.Errorf("%q: %v %v", k, entries, err)
		}
	})
}
