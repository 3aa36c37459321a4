package eventsource

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"dateline/internal/proof/eventsource/conformance"
)

// all are the events of a stream, and where it can be resumed.
func all(t *testing.T, r io.Reader) (told []string) {
	t.Helper()
	p := NewParser(r)
	for {
		e, err := p.Next()
		if errors.Is(err, io.EOF) {
			return append(told, fmt.Sprintf("at %q %d", p.LastID(), p.Retry()))
		}
		if err != nil {
			t.Fatal(err)
		}
		told = append(told, fmt.Sprintf("%q %q %v %q %d", e.Name, e.ID, e.HasID, e.Data, e.Retry))
	}
}

var anyLineEnd = regexp.MustCompile(`\r\n|\r|\n`)

// plainly is the specification's algorithm on a whole stream at once, without
// any of the parser's haste.
func plainly(stream string) (told []string) {
	lines := anyLineEnd.Split(strings.TrimPrefix(stream, "\ufeff"), -1)
	id, at, name, retry := "", "", "", NoRetry
	data, has := []string(nil), false
	for _, line := range lines[:len(lines)-1] { // what no line end follows is no line
		if line == "" {
			if at = id; data != nil {
				told = append(told, fmt.Sprintf("%q %q %v %q %d", orMessage(name), id, has, strings.Join(data, "\n"), retry))
			}
			name, data, has = "", nil, false
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		switch value = strings.TrimPrefix(value, " "); field {
		case "event":
			name = value
		case "data":
			data = append(data, value)
		case "id":
			if !strings.Contains(value, "\x00") {
				id, has = value, true
			}
		case "retry":
			retry = retryOf(value, retry)
		}
	}
	return append(told, fmt.Sprintf("at %q %d", at, retry))
}

func orMessage(name string) string {
	if name == "" {
		return "message"
	}
	return name
}

func retryOf(value string, before int) int {
	if value == "" || strings.Trim(value, "0123456789") != "" {
		return before
	}
	n, err := strconv.Atoi(value)
	if err != nil || n > math.MaxInt32 {
		return math.MaxInt32
	}
	return n
}

var streams = []string{
	"event: post\nid: 7\ndata: {\"a\":1}\n\n", "data: a\r\n\r\ndata: b\r\rdata: c\n\n", "\ufeffdata: a\n\n\ufeffdata: b\n\n", ": ping\n\nid\n\nid: 3\n\ndata\n\n",
	"retry: 1500\n\nretry: 1e3\ndata:  a\ndata:b\ndata\n\n", "id: 4\x00\ndata: x\n\ndata: cut", "event\ndata: a\r\n\nretry: 99999999999\ndata:\n\n", "\xef\xbb", "data: \xf0\x9f\x98\n\n", "data\n\r\r\n",
}

// A stream says the same however it is cut, and what the specification says.
func FuzzCuts(f *testing.F) {
	for _, s := range streams {
		f.Add([]byte(s), []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
		f.Add([]byte(s+s), []byte{3, 1, 4, 1, 5})
	}
	f.Fuzz(func(t *testing.T, stream, cuts []byte) {
		whole := all(t, bytes.NewReader(stream))
		if cut := all(t, &conformance.Pieces{Rest: stream, Cuts: cuts}); !slices.Equal(whole, cut) {
			t.Errorf("%q whole is %q, cut at %v %q", stream, whole, cuts, cut)
		}
		if want := plainly(string(stream)); utf8.Valid(stream) && !slices.Equal(whole, want) {
			t.Errorf("%q is %q, want %q", stream, whole, want)
		}
	})
}
