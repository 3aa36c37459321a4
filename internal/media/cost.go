package media

import (
	"bytes"
	"encoding/binary"
	"image"

	"dateline/internal/liveblog"
)

const (
	// maxMemory bounds the memory for decoding, in bytes: of one picture, and of all
	// together. The memory for a pixel depends much on the format.
	maxMemory = 400 << 20
	// maxScans bounds the scans of a JPEG over all its pixels. Encoders write about ten; a
	// scan of a few bytes can take a tenth of a second.
	maxScans = 64
)

// checkCost is ErrInvalid for a picture that takes too much memory or time. It returns how
// many bytes processing the picture takes.
func (p *Processor) checkCost(f format, c image.Config, data []byte) (bytes int64, err error) {
	need := int64(f.memory(c, data))
	if need > p.maxMemory || f.scans(data) > maxScans {
		return 0, liveblog.Errorf(liveblog.ErrInvalid, "image_too_large",
			"the picture takes too much memory to decode: save it smaller, or with 8 bits a channel and not progressive")
	}
	// A copy with half its sides, or the largest variant, is in memory beside it.
	return min(need+int64(c.Width*c.Height), p.maxMemory), nil
}

// oneScan is the scans of formats whose decoders pass over the pixels once.
func oneScan([]byte) int { return 1 }

// gifMemory returns the memory of the first frame, in palette form. Others are not decoded.
func gifMemory(c image.Config, _ []byte) int { return c.Width * c.Height }

// webpMemory adds up the memory of the chunks in the file (RFC 9649, section 2): lossy
// pixels; lossless ones, whose decoder keeps all pixels for references; and an alpha
// channel of its own, which is lossless too.
func webpMemory(c image.Config, data []byte) int {
	perPixel := 0
	for rest := data[12:]; len(rest) >= 8; {
		size := int64(binary.LittleEndian.Uint32(rest[4:]))
		switch string(rest[:4]) {
		case "VP8 ":
			perPixel += 2
		case "VP8L":
			perPixel += 8
		case "ALPH":
			perPixel += 9
		}
		rest = rest[min(8+size+size%2, int64(len(rest))):]
	}
	return c.Width * c.Height * perPixel
}

// pngMemory reads the header (PNG, section 11.2.2). With a transparent colour, pixels have
// all channels; interlacing takes half as much again.
func pngMemory(c image.Config, data []byte) int {
	const depth, colorType, interlace = 24, 25, 28
	const palette = 3
	if len(data) <= interlace {
		return 0 // the decoder will reject it
	}
	channels := 1 // grey, or the number of a colour
	if grey := data[colorType] == 0; data[colorType] != palette && !grey || grey && hasChunk(data, "tRNS") {
		channels = 4
	}
	need := c.Width * c.Height * channels * max(1, int(data[depth])/8)
	if data[interlace] != 0 {
		need += need / 2
	}
	return need
}

// hasChunk reports whether a PNG has a chunk before its pixels.
func hasChunk(data []byte, name string) bool {
	for rest := data[8:]; len(rest) >= 12; {
		size, found := int64(binary.BigEndian.Uint32(rest)), string(rest[4:8])
		if found == name || found == "IDAT" {
			return found == name
		}
		rest = rest[min(12+size, int64(len(rest))):]
	}
	return false
}

// jpegMemory returns the memory of the planes of samples; for a progressive picture also
// that of the coefficients, which the decoder keeps until the last scan, four bytes each;
// and for one with four colours that of the converted picture.
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

// jpegScans counts the scans that the decoder processes. Those within segments of other
// kinds, such as a thumbnail in metadata, do not count.
func jpegScans(data []byte) int {
	scans := 0
	for marker, rest := byte(0), data[2:]; rest != nil && marker != endOfImage; {
		marker, _, rest = nextSegment(rest)
		if marker == startOfScan {
			scans++
		}
	}
	return scans
}

const (
	startOfScan = 0xda
	endOfImage  = 0xd9
)

const progressiveFrame = 0xc2

// samplesOf reads a frame header (ITU-T T.81, B.2.2). It returns the number of samples for
// eight pixels, and the number of colours. For a header that it cannot read it returns
// the maximum.
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

// jpegFrame returns the first frame header and its marker, or 0.
func jpegFrame(data []byte) (marker byte, header []byte) {
	for rest := data[2:]; rest != nil; {
		marker, header, rest = nextSegment(rest)
		if marker >= 0xc0 && marker <= progressiveFrame {
			return marker, header
		}
	}
	return 0, nil
}

// nextSegment returns the next segment, and skips what is between segments as the decoder
// does. rest is nil after the last segment.
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
