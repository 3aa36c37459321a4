package stream

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// field is one line of a response's head.
type field struct{ name, value string }

// closing announces that the connection closes after the response.
var closing = field{"Connection", "close"}

// streamFields are in the head of every response that EventSource handles.
var streamFields = []field{
	{"Content-Type", "text/event-stream; charset=utf-8"},
	{"Cache-Control", "no-store, no-transform"},
	{"X-Accel-Buffering", "no"},
}

var (
	// A rejected client would hold a slot until its connection is idle for a minute.
	rejectFields = append(slices.Clone(streamFields), closing)
	// Streams vary by coding (RFC 9110, section 12.5.5), rejections do not.
	plainFields      = append(slices.Clone(streamFields), field{"Vary", "Accept-Encoding"})
	compressedFields = append(slices.Clone(plainFields), field{"Content-Encoding", "gzip"})
)

// fields are in the head of the subscriber's stream.
func (s *Subscriber) fields() []field {
	if s.compressed {
		return compressedFields
	}
	return plainFields
}

func writeHead(w http.ResponseWriter, fields []field) {
	for _, f := range fields {
		w.Header().Set(f.name, f.value)
	}
	w.WriteHeader(http.StatusOK)
}

// WriteHead answers a HEAD request for a stream.
func WriteHead(w http.ResponseWriter) { writeHead(w, plainFields) }

// openingSize is more than a stream's head and greeting take, in bytes.
const openingSize = 2 << 10

// openings are buffers for the openings of streams, which would be a quarter of all
// garbage in a storm.
var openings = sync.Pool{New: func() any { return new([openingSize]byte) }}

// opening appends what a stream begins with: its head and its first piece. For
// HTTP/1.0 it is the head of a response that ends with its connection (RFC 9112,
// section 6.3, item 8), and so it is for a client that asks to close the connection.
// The values of the stream's own fields take the place of those in header.
func (s *Subscriber) opening(b []byte, header http.Header, first []byte, close bool) []byte {
	b = append(b, "HTTP/1.1 200 OK\r\n"...)
	for _, f := range s.fields() {
		delete(header, f.name)
		b = appendField(b, f.name, f.value)
	}
	if s.chunked {
		b = appendField(b, "Transfer-Encoding", "chunked")
	}
	if close || !s.chunked {
		b = appendField(b, closing.name, closing.value)
	}
	b = appendField(b, "Date", httpDate(time.Now()))
	// The order of fields is free. To sort them, as http.Header.Write does, would
	// double the time that a stream's head takes.
	for name, values := range header {
		for _, v := range values {
			b = appendField(b, name, oneLine(v))
		}
	}
	b = append(b, "\r\n"...)
	return append(b, s.chunk(first)...)
}

func appendField(b []byte, name, value string) []byte {
	b = append(append(b, name...), ": "...)
	return append(append(b, value...), "\r\n"...)
}

var lineEnds = strings.NewReplacer("\r", " ", "\n", " ")

// oneLine keeps a value from ending its field (RFC 9112, section 11.1).
func oneLine(value string) string {
	if strings.IndexByte(value, '\r') < 0 && strings.IndexByte(value, '\n') < 0 {
		return value
	}
	return lineEnds.Replace(value)
}

// formattedSecond is a second and its date in the format of HTTP.
type formattedSecond struct {
	unix int64
	date string
}

// lastSecond is the second that was formatted last.
var lastSecond atomic.Pointer[formattedSecond]

// httpDate is a time in the format of HTTP (RFC 9110, section 5.6.7). All streams
// that begin in the same second share one string.
func httpDate(now time.Time) string {
	s := lastSecond.Load()
	if s == nil || s.unix != now.Unix() {
		s = &formattedSecond{now.Unix(), now.UTC().Format(http.TimeFormat)}
		lastSecond.Store(s)
	}
	return s.date
}
