// Package compress compresses the bodies of answers with gzip and tells for which requests
// that is wanted.
package compress

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// Accepts reports whether the sender of a request accepts gzip (RFC 9110, section 12.5.3): it
// names the coding, and not with a weight of zero.
func Accepts(r *http.Request) bool {
	for _, header := range r.Header.Values("Accept-Encoding") {
		for choice := range strings.SplitSeq(header, ",") {
			coding, weight, _ := strings.Cut(choice, ";")
			if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
				return !refuses(weight)
			}
		}
	}
	return false
}

// refuses reports whether a weight is zero.
func refuses(weight string) bool {
	name, value, found := strings.Cut(strings.TrimSpace(weight), "=")
	if !found || !strings.EqualFold(strings.TrimSpace(name), "q") {
		return false
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	return err == nil && q == 0
}

// Best compresses what is sent many times as well as gzip can.
func Best(content []byte) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression) // the level is valid
	_, _ = w.Write(content)                                 // writes to memory do not fail
	_ = w.Close()
	return out.Bytes()
}

// writers are reused: each holds most of a megabyte.
var writers = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	return w
}}

// Fast compresses what is made for a moment, with little CPU.
func Fast(content []byte) []byte {
	w := writers.Get().(*gzip.Writer)
	defer writers.Put(w)
	var out bytes.Buffer
	w.Reset(&out)
	_, _ = w.Write(content)
	_ = w.Close()
	return out.Bytes()
}
