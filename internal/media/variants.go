package media

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"

	"dateline/internal/liveblog"

	"golang.org/x/image/draw"
)

// widths are those of the variants, in pixels. A narrower picture is not enlarged.
var widths = []int{1600, 800, 400}

// quality of the JPEG variants.
const quality = 80

// variants scales src down. It makes each variant from the one before, which is several
// times faster than from the source and looks the same.
func variants(ctx context.Context, src image.Image, o orientation) (*Image, error) {
	w, h := size(src, o)
	out := &Image{Media: liveblog.Media{Width: w, Height: h}}
	alpha := !opaque(src)
	for _, width := range steps(w) {
		if ctx.Err() != nil {
			return nil, liveblog.Errorf(liveblog.ErrUnavailable, "busy", "the picture took too long to process")
		}
		height := max(1, (h*width+w/2)/w)
		scaled := scale(src, width, height, o)
		if err := out.add(scaled, alpha); err != nil {
			return nil, err
		}
		src, o = scaled, upright
		out.Media.Color = average(scaled)
	}
	return out, nil
}

func size(m image.Image, o orientation) (w, h int) {
	if o.swapped() {
		return m.Bounds().Dy(), m.Bounds().Dx()
	}
	return m.Bounds().Dx(), m.Bounds().Dy()
}

// steps returns the widths of the variants of a picture that is w wide, the widest first.
func steps(w int) []int {
	out := []int{min(w, widths[0])}
	for _, width := range widths[1:] {
		if width < w {
			out = append(out, width)
		}
	}
	return out
}

// scale returns src in a size, upright. It rotates after scaling, when there are fewer
// pixels.
func scale(src image.Image, width, height int, o orientation) *image.RGBA {
	if o.swapped() {
		width, height = height, width
	}
	for src.Bounds().Dx() >= 2*width && src.Bounds().Dy() >= 2*height {
		src = halved(src)
	}
	dst := image.NewRGBA(image.Rect(0, 0, width, height))
	if width == src.Bounds().Dx() && height == src.Bounds().Dy() {
		draw.Draw(dst, dst.Rect, src, src.Bounds().Min, draw.Src)
	} else {
		scaler(src.Bounds(), dst.Rect).Scale(dst, dst.Rect, src, src.Bounds(), draw.Src, nil)
	}
	return o.apply(dst)
}

// halved returns src with half its sides; each pixel is the mean of four. Scaling down by a
// wide filter instead keeps 32 bytes for each row of the source and column of the result.
func halved(src image.Image) *image.RGBA {
	dst := image.NewRGBA(image.Rect(0, 0, src.Bounds().Dx()/2, src.Bounds().Dy()/2))
	draw.ApproxBiLinear.Scale(dst, dst.Rect, src, src.Bounds(), draw.Src, nil)
	return dst
}

// scaler chooses a filter. Down to half the size, a new pixel covers at most two old ones a
// side, so four neighbours give the result of a wide filter, ten times faster.
func scaler(from, to image.Rectangle) draw.Scaler {
	if 2*to.Dx() >= from.Dx() && 2*to.Dy() >= from.Dy() {
		return draw.ApproxBiLinear
	}
	return draw.CatmullRom
}

// add encodes m as a variant: PNG with transparency, otherwise JPEG.
func (i *Image) add(m *image.RGBA, alpha bool) error {
	var b bytes.Buffer
	kind, err := encode(&b, m, alpha)
	if err != nil {
		return fmt.Errorf("encode %s: %w", kind, err)
	}
	sum := sha256.Sum256(b.Bytes())
	blob := liveblog.Blob{Key: hex.EncodeToString(sum[:]), Type: kind, Data: b.Bytes()}
	i.Blobs = append(i.Blobs, blob)
	i.Media.Variants = append(i.Media.Variants, liveblog.Variant{
		Width: m.Rect.Dx(), Height: m.Rect.Dy(), Type: kind, Key: blob.Key, Size: int64(b.Len()),
	})
	return nil
}

func encode(w io.Writer, m image.Image, alpha bool) (kind string, err error) {
	if alpha {
		return "image/png", png.Encode(w, m)
	}
	return "image/jpeg", jpeg.Encode(w, m, &jpeg.Options{Quality: quality})
}

// average returns the mean colour of the visible part of m as "#rrggbb"; grey if nothing is
// visible.
func average(m *image.RGBA) string {
	var r, g, b, a uint64
	for i := 0; i+3 < len(m.Pix); i += 4 {
		r += uint64(m.Pix[i])
		g += uint64(m.Pix[i+1])
		b += uint64(m.Pix[i+2])
		a += uint64(m.Pix[i+3])
	}
	if a == 0 {
		return "#808080"
	}
	mean := func(sum uint64) uint64 { return min(255, (sum*255+a/2)/a) }
	return fmt.Sprintf("#%02x%02x%02x", mean(r), mean(g), mean(b))
}
