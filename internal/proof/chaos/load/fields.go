package load

import (
	"bytes"
	"iter"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// The events of a stream are read here by hand: they begin with what a reader
// logs, and most of their bytes come after it. What is no JSON gives fewer
// fields; the checker misses them.

// fields are the keys and raw values of a JSON object, in order, as far as it
// can be understood.
func fields(object []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		rest, ok := open(object, '{')
		for ok && len(rest) > 0 && rest[0] == '"' {
			end := valueEnd(rest)
			if end < 0 {
				return
			}
			key := rest[1 : end-1]
			rest = space(rest[end:])
			if len(rest) == 0 || rest[0] != ':' {
				return
			}
			rest = space(rest[1:])
			if end = valueEnd(rest); end < 0 || !yield(key, rest[:end]) {
				return
			}
			rest, ok = open(space(rest[end:]), ',')
		}
	}
}

// elements are the raw values of a JSON array.
func elements(array []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		rest, ok := open(array, '[')
		for ok {
			end := valueEnd(rest)
			if end <= 0 || !yield(rest[:end]) {
				return
			}
			rest, ok = open(space(rest[end:]), ',')
		}
	}
}

// open takes a mark and the space after it off b.
func open(b []byte, mark byte) ([]byte, bool) {
	if len(b) == 0 || b[0] != mark {
		return nil, false
	}
	return space(b[1:]), true
}

func space(b []byte) []byte { return bytes.TrimLeft(b, " \t\r\n") }

// valueEnd is where the value at the beginning of b ends, or negative.
func valueEnd(b []byte) int {
	if len(b) == 0 {
		return -1
	}
	switch b[0] {
	case '"':
		return stringEnd(b)
	case '{', '[':
		return nestEnd(b)
	}
	if end := bytes.IndexAny(b, ",}] \t\r\n"); end >= 0 {
		return end
	}
	return len(b)
}

// stringEnd is after the first quote that no backslash hides.
func stringEnd(b []byte) int {
	for i := 1; i < len(b); {
		quote := bytes.IndexByte(b[i:], '"')
		if quote < 0 {
			return -1
		}
		end, hidden := i+quote, 0
		for b[end-1-hidden] == '\\' {
			hidden++
		}
		if hidden%2 == 0 {
			return end + 1
		}
		i = end + 1
	}
	return -1
}

// nestEnd is where an object or an array ends.
func nestEnd(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			end := stringEnd(b[i:])
			if end < 0 {
				return -1
			}
			i += end - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// number is a whole number, or 0.
func number(raw []byte) int64 {
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// text is a JSON string's text.
func text(raw []byte) string { return string(appendText(nil, raw)) }

// appendText adds the text of a JSON string to b.
func appendText(b, raw []byte) []byte {
	if len(raw) < 2 || raw[0] != '"' {
		return b
	}
	raw = raw[1 : len(raw)-1]
	for {
		plain := bytes.IndexByte(raw, '\\')
		if plain < 0 || plain+1 == len(raw) {
			return append(b, raw...)
		}
		b = append(b, raw[:plain]...)
		var used int
		b, used = appendEscaped(b, raw[plain:])
		raw = raw[plain+used:]
	}
}

var escapes = map[byte]byte{'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// appendEscaped adds what the escape at the beginning of raw stands for, and
// tells how long it is.
func appendEscaped(b, raw []byte) (out []byte, used int) {
	if raw[1] != 'u' {
		if c, known := escapes[raw[1]]; known {
			return append(b, c), 2
		}
		return append(b, raw[1]), 2
	}
	r := unit(raw)
	if !utf16.IsSurrogate(r) {
		return utf8.AppendRune(b, r), min(6, len(raw))
	}
	if pair := utf16.DecodeRune(r, unit(raw[min(6, len(raw)):])); pair != utf8.RuneError {
		return utf8.AppendRune(b, pair), 12
	}
	return utf8.AppendRune(b, utf8.RuneError), min(6, len(raw))
}

// unit is the number of a \uXXXX at the beginning of raw.
func unit(raw []byte) rune {
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
		return utf8.RuneError
	}
	n, err := strconv.ParseUint(string(raw[2:6]), 16, 16)
	if err != nil {
		return utf8.RuneError
	}
	return rune(n)
}

// FNV-1a, 64 bits.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

func hash(b []byte) uint64 {
	h := uint64(fnvOffset)
	for _, c := range b {
		h = (h ^ uint64(c)) * fnvPrime
	}
	return h
}
