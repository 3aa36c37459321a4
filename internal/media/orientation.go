package media

import (
	"bytes"
	"image"

	"github.com/bep/imagemeta"
)

// orientation says how to rotate and mirror a picture to show it upright: the values 1 to 8
// of the Exif tag Orientation (Exif 2.32, 4.6.4 A).
type orientation int

const upright orientation = 1

// maxTags bounds how many tags are read of malicious metadata.
const maxTags = 500

// orientationOf returns the orientation in the metadata; upright if there is no valid one.
func orientationOf(f format, data []byte) orientation {
	found := upright
	if f.meta == imagemeta.ImageFormatAuto {
		return found
	}
	_, err := imagemeta.Decode(imagemeta.Options{
		R: bytes.NewReader(data), ImageFormat: f.meta, Sources: imagemeta.EXIF, LimitNumTags: maxTags,
		ShouldHandleTag: func(t imagemeta.TagInfo) bool { return t.Tag == "Orientation" && t.Namespace == "IFD0" },
		HandleTag: func(t imagemeta.TagInfo) error {
			if v, ok := t.Value.(uint16); ok && v >= 1 && v <= 8 {
				found = orientation(v)
			}
			return nil
		},
	})
	if err != nil {
		return upright
	}
	return found
}

// swapped reports whether width and height are exchanged.
func (o orientation) swapped() bool { return o >= 5 }

// apply returns m upright.
func (o orientation) apply(m *image.RGBA) *image.RGBA {
	if o == upright {
		return m
	}
	w, h := m.Rect.Dx(), m.Rect.Dy()
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	if o.swapped() {
		out = image.NewRGBA(image.Rect(0, 0, h, w))
	}
	for y := range h {
		for x := range w {
			ox, oy := o.place(x, y, w, h)
			copy(out.Pix[out.PixOffset(ox, oy):][:4], m.Pix[m.PixOffset(x, y):][:4])
		}
	}
	return out
}

// place returns the upright place of the pixel (x, y) of a stored picture of w by h.
func (o orientation) place(x, y, w, h int) (int, int) {
	switch o {
	case 2:
		return w - 1 - x, y
	case 3:
		return w - 1 - x, h - 1 - y
	case 4:
		return x, h - 1 - y
	case 5:
		return y, x
	case 6:
		return h - 1 - y, x
	case 7:
		return h - 1 - y, w - 1 - x
	case 8:
		return y, w - 1 - x
	}
	return x, y
}
