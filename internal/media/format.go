package media

import (
	"bytes"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"dateline/internal/liveblog"

	"github.com/bep/imagemeta"
	"golang.org/x/image/webp"
)

// format is a type of file that may be uploaded. Its first bytes identify it, not its name
// or its declared type.
type format struct {
	matches func([]byte) bool
	config  func(io.Reader) (image.Config, error)
	decode  func(io.Reader) (image.Image, error)
	memory  func(image.Config, []byte) int // bytes that decoding takes
	scans   func([]byte) int               // how often the decoder passes over the pixels
	meta    imagemeta.ImageFormat          // 0: no metadata is read
}

var formats = []format{
	{starts("\xff\xd8\xff"), jpeg.DecodeConfig, jpeg.Decode, jpegMemory, jpegScans, imagemeta.JPEG},
	{starts("\x89PNG\r\n\x1a\n"), png.DecodeConfig, png.Decode, pngMemory, oneScan, imagemeta.PNG},
	{starts("GIF87a"), gif.DecodeConfig, gif.Decode, gifMemory, oneScan, 0},
	{starts("GIF89a"), gif.DecodeConfig, gif.Decode, gifMemory, oneScan, 0},
	{isWebP, webp.DecodeConfig, webp.Decode, webpMemory, oneScan, imagemeta.WebP},
}

func starts(magic string) func([]byte) bool {
	return func(data []byte) bool { return bytes.HasPrefix(data, []byte(magic)) }
}

func isWebP(data []byte) bool {
	return len(data) >= 12 && string(data[:4]) == "RIFF" && string(data[8:12]) == "WEBP"
}

// formatOf returns the format of a file, or ErrMediaType.
func formatOf(data []byte) (format, error) {
	for _, f := range formats {
		if f.matches(data) {
			return f, nil
		}
	}
	return format{}, errType()
}

func errType() error {
	return liveblog.Errorf(liveblog.ErrMediaType, "unsupported_media_type", "a picture must be JPEG, PNG, GIF or WebP")
}

// checkSize checks the declared size, without decoding. It returns how many bytes processing
// the picture takes.
func (p *Processor) checkSize(f format, data []byte) (memory int64, err error) {
	c, err := f.config(bytes.NewReader(data))
	if err != nil {
		return 0, errType()
	}
	if c.Width < 1 || c.Height < 1 || c.Width > p.maxSide || c.Height > p.maxSide || c.Width*c.Height > p.maxPixels {
		return 0, liveblog.Errorf(liveblog.ErrInvalid, "image_too_large",
			"a picture may have at most %d pixels a side and %d million in all", p.maxSide, p.maxPixels/1_000_000)
	}
	return p.checkCost(f, c, data)
}
