package media

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"

	"dateline/internal/liveblog"
)

const (
	// maxMemory is how many bytes the decoding of one picture may take. Some
	// files of few bytes need far more for each pixel than others.
	maxMemory = 400 << 20
	// slotMemory is what fits in when others are decoded at the same time.
	slotMemory = maxMemory / maxDecoders
	// maxScans bounds how often a JPEG may go over all of its pixels; encoders
	// make some ten scans. Each may take a tenth of a second and few bytes.
	maxScans = 64
)

// checkCost refuses what would take too much memory or time, and tells how many
// of the slots the picture needs.
func (f format) checkCost(c image.Config, data []byte) (slots int64, err error) {
	need := f.memory(c, data)
	if need > maxMemory || bytes.Count(data, startOfScan) > maxScans {
		return 0, liveblog.Errorf(liveblog.ErrInvalid, "image_too_large",
			"the picture takes too much memory to decode: save it smaller, or with 8 bits a channel and not progressive")
	}
	return 1 + int64(need)/slotMemory, nil
}

// perPixel is what decoding takes for each pixel, in bytes, where the model of
// the colours tells.
func perPixel(m color.Model) int {
	switch m {
	case color.RGBA64Model, color.NRGBA64Model:
		return 8
	case color.RGBAModel, color.NRGBAModel:
		return 4
	case color.Gray16Model:
		return 2
	default: // grey, or with a palette
		return 1
	}
}

func gifMemory(c image.Config, _ []byte) int { return c.Width * c.Height }

// webpMemory is for the costlier kind, which keeps what its pixels refer to.
func webpMemory(c image.Config, _ []byte) int { return c.Width * c.Height * 8 }

// interlaced is where a PNG says so (PNG, section 11.2.2); the passes then take
// half as much again.
const interlaced = 28

func pngMemory(c image.Config, data []byte) int {
	need := c.Width * c.Height * perPixel(c.ColorModel)
	if len(data) > interlaced && data[interlaced] != 0 {
		need += need / 2
	}
	return need
}

// startOfScan can't be within the coded pixels of a JPEG.
var startOfScan = []byte{0xff, 0xda}

// jpegMemory counts the planes of samples; of a progressive picture also the
// coefficients that are kept until its last scan, four bytes each; and of one
// with four colours the picture that they become.
func jpegMemory(c image.Config, data []byte) int {
	marker, header := jpegFrame(data)
	samples, colors := samplesOf(header)
	need := c.Width * c.Height * samples / 8
	if marker == progressiveFrame {
		need *= 5
	}
	if colors == 4 {
		need += c.Width * c.Height * 4
	}
	return need
}

const progressiveFrame = 0xc2

// samplesOf reads a frame header (ITU-T T.81, B.2.2): how many samples there are
// to eight pixels, and how many colours. What it can't read counts as the worst.
func samplesOf(header []byte) (samples, colors int) {
	if len(header) < 6 || len(header) < 6+3*int(header[5]) {
		return 32, 4
	}
	all, h, v := 0, 1, 1
	colors = int(header[5])
	for i := range colors {
		factors := header[7+3*i]
		all += int(factors>>4) * int(factors&15)
		h, v = max(h, int(factors>>4)), max(v, int(factors&15))
	}
	return (8*all + h*v - 1) / (h * v), colors
}

// jpegFrame finds the frame header.
func jpegFrame(data []byte) (marker byte, header []byte) {
	for rest := data[2:]; rest != nil; {
		marker, header, rest = nextSegment(rest)
		if marker >= 0xc0 && marker <= progressiveFrame {
			return marker, header
		}
	}
	return 0, nil
}

// nextSegment passes over what is between segments, as the decoder does. There is
// no rest where no segment is left.
func nextSegment(data []byte) (marker byte, content, rest []byte) {
	start := bytes.IndexByte(data, 0xff)
	if start < 0 {
		return 0, nil, nil
	}
	for start < len(data) && data[start] == 0xff {
		start++
	}
	data = data[start:]
	if len(data) < 3 {
		return 0, nil, nil
	}
	if marker = data[0]; marker == 0 || marker >= 0xd0 && marker <= 0xd7 { // without content
		return marker, nil, data[1:]
	}
	end := 1 + int(binary.BigEndian.Uint16(data[1:]))
	if end < 3 || end > len(data) {
		return 0, nil, nil
	}
	return marker, data[3:end], data[end:]
}
