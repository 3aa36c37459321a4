package stream

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"sync"
	"sync/atomic"
)

// Streams are compressed once per event, not once per reader. A frame is kept as
// deflate blocks as well that look back at nothing before them and end on a byte
// boundary (RFC 1951, sections 2 and 3.2.4); a connection sends a gzip header of
// its own and then the shared blocks. What is compressed is never finished: it
// ends where the answer does.
var (
	// gzipHeader has no name, no time and an unknown system (RFC 1952, section 2.3).
	gzipHeader = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}
	// flush is an empty stored block: decoders hand on all they have.
	flush = []byte{0, 0, 0, 0xff, 0xff}
)

var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, flate.DefaultCompression)
	if err != nil {
		panic("stream: the level of compression is a constant: " + err.Error())
	}
	return w
}}

// deflate compresses b into blocks of its own, appended to dst.
func deflate(dst, b []byte) []byte {
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	out := bytes.NewBuffer(dst)
	w.Reset(out)
	_, _ = w.Write(b) // a buffer takes everything
	_ = w.Flush()
	return out.Bytes()
}

// maxStored is the longest stored block, in bytes.
const maxStored = 65_535

// store puts b into blocks without compressing it: for what only one reader gets.
func store(b []byte) []byte {
	return append(appendStored(nil, b), flush...)
}

// appendStored appends b in blocks that are not compressed.
func appendStored(out, b []byte) []byte {
	for len(b) > 0 {
		n := min(len(b), maxStored)
		out = append(out, 0)
		out = binary.LittleEndian.AppendUint16(out, uint16(n))
		out = binary.LittleEndian.AppendUint16(out, ^uint16(n))
		out, b = append(out, b[:n]...), b[n:]
	}
	return out
}

// wire is a piece of a stream that many readers get, plain and compressed, and
// each of these as a chunk of its own as well.
type wire struct {
	plain  []byte
	whole  []byte   // the chunk that plain is in
	data   int      // how much of plain is the data and the end of an event
	shared *content // that plain ends with, if it is compressed once for several pieces

	packed atomic.Pointer[packed] // made when the first reader wants it
}

// packed is a piece in deflate blocks.
type packed struct{ bare, whole []byte }

// as gives the piece as a reader wants it.
func (w *wire) as(compressed, chunked bool) []byte {
	switch {
	case compressed && chunked:
		return w.pack().whole
	case compressed:
		return w.pack().bare
	case chunked:
		return w.whole
	}
	return w.plain
}

func (w *wire) pack() *packed {
	if p := w.packed.Load(); p != nil {
		return p
	}
	b := make([]byte, sizeRoom, 1<<10)
	if w.shared == nil {
		b = deflate(b, w.plain)
	} else {
		own := len(w.plain) - len(w.shared.tail)
		b = append(appendStored(b, w.plain[:own]), w.shared.blocks()...)
	}
	p := &packed{}
	p.whole, p.bare = chunk(append(make([]byte, 0, len(b)+len(lineEnd)), b...))
	w.packed.CompareAndSwap(nil, p)
	return w.packed.Load()
}
