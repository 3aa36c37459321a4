package stream

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"strconv"
	"sync"
	"sync/atomic"
)

// wire holds a piece of a stream as many readers get it: plain or compressed, and
// each of these also as a chunk.
type wire struct {
	plain   []byte
	chunked []byte   // plain as a chunk, in the same memory
	data    int      // how many bytes of plain are the data and the end of an event
	shared  *content // the end of plain, if it is compressed once for several pieces

	compressed atomic.Pointer[compressedWire] // set when a reader first wants it
}

// compressedWire is a piece in deflate blocks, and these as a chunk.
type compressedWire struct{ blocks, chunked []byte }

// bytes are the piece as a reader wants it.
func (w *wire) bytes(compressed, chunked bool) []byte {
	switch {
	case compressed && chunked:
		return w.compress().chunked
	case compressed:
		return w.compress().blocks
	case chunked:
		return w.chunked
	}
	return w.plain
}

func (w *wire) compress() *compressedWire {
	if c := w.compressed.Load(); c != nil {
		return c
	}
	b := make([]byte, chunkRoom, 1<<10)
	if w.shared == nil {
		b = deflate(b, w.plain)
	} else {
		unshared := len(w.plain) - len(w.shared.tail)
		b = append(appendStored(b, w.plain[:unshared]), w.shared.blocks()...)
	}
	c := &compressedWire{}
	c.chunked, c.blocks = chunk(append(make([]byte, 0, len(b)+len(lineEnd)), b...))
	w.compressed.CompareAndSwap(nil, c)
	return w.compressed.Load()
}

// On HTTP/1.1 each piece of a stream is one chunk (RFC 9112, section 7.1), made once
// for all readers. Programs that read a response in blocks of a fixed size return
// what they have at the end of a chunk; without chunks they would hold each event
// until the next one fills their block.

const (
	lineEnd = "\r\n"
	// lastChunk ends a chunked response.
	lastChunk = "0\r\n\r\n"
	// chunkRoom is the most that the line with a chunk's size takes: eight digits and
	// the line's end.
	chunkRoom = 8 + len(lineEnd)
)

// chunk makes a chunk of what follows the first chunkRoom bytes of b, in place if b
// has room for the end. It returns the chunk and, in the same memory, its content.
func chunk(b []byte) (chunked, content []byte) {
	var line [chunkRoom]byte
	size := append(strconv.AppendInt(line[:0], int64(len(b)-chunkRoom), 16), lineEnd...)
	start, end := chunkRoom-len(size), len(b)
	b = append(b, lineEnd...)
	copy(b[start:], size)
	return b[start:len(b):len(b)], b[chunkRoom:end:end]
}

// wrap compresses and chunks a piece of the stream that only this reader gets, as
// all of its pieces are.
func (s *Subscriber) wrap(piece []byte) []byte {
	if s.compressed {
		piece = store(piece)
	}
	return s.chunk(piece)
}

// wrapLast is wrap for the last piece of a stream. It ends the chunked response;
// net/http ends its own, and HTTP/1.0 ends a response with its connection.
func (s *Subscriber) wrapLast(piece []byte) []byte {
	piece = s.wrap(piece)
	if s.chunked {
		piece = append(piece, lastChunk...)
	}
	return piece
}

// chunk makes a piece of the stream a chunk, if the reader gets chunks.
func (s *Subscriber) chunk(piece []byte) []byte {
	if !s.chunked {
		return piece
	}
	chunked, _ := chunk(append(make([]byte, chunkRoom, chunkRoom+len(piece)+len(lineEnd)), piece...))
	return chunked
}

// Streams are compressed once per event, not once per reader. A frame is also kept as
// deflate blocks that refer to nothing before them and end on a byte boundary
// (RFC 1951, sections 2 and 3.2.4); a connection gets a gzip header of its own and
// then the shared blocks. The gzip stream is never finished: it ends with the response.
var (
	// gzipHeader has no name, no time and an unknown system (RFC 1952, section 2.3).
	gzipHeader = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}
	// flush is an empty stored block, at which decoders return all they have.
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
