package stream

import "strconv"

// On HTTP/1.1 each piece of a stream is one chunk (RFC 9112, section 7.1), made
// once for all readers. Programs that read an answer in blocks of a fixed size
// hand on what a chunk holds when it ends; without chunks they would hold each
// event until the next one fills their block.

const (
	lineEnd = "\r\n"
	// lastChunk ends an answer in chunks.
	lastChunk = "0\r\n\r\n"
	// sizeRoom is what the line with a chunk's size takes at most: eight digits and
	// the line's end.
	sizeRoom = 8 + len(lineEnd)
)

// chunk makes a chunk of what follows the first sizeRoom bytes of b, in place if
// there is room behind it. It gives the chunk and, as a part of it, the content.
func chunk(b []byte) (whole, content []byte) {
	var line [sizeRoom]byte
	size := append(strconv.AppendInt(line[:0], int64(len(b)-sizeRoom), 16), lineEnd...)
	start, end := sizeRoom-len(size), len(b)
	b = append(b, lineEnd...)
	copy(b[start:], size)
	return b[start:len(b):len(b)], b[sizeRoom:end:end]
}

// framed is a piece that only this reader gets, as it gets all of them.
func (s *Subscriber) framed(piece []byte) []byte {
	if !s.chunked {
		return piece
	}
	whole, _ := chunk(append(make([]byte, sizeRoom, sizeRoom+len(piece)+len(lineEnd)), piece...))
	return whole
}

// last is own for the last piece of a stream: the answer ends with it. Where the
// answer ends with its connection, and where net/http ends it, it is own.
func (s *Subscriber) last(frame []byte) []byte {
	frame = s.own(frame)
	if s.chunked {
		frame = append(frame, lastChunk...)
	}
	return frame
}
