package eventsource

import "unicode/utf8"

// toUTF8 returns b if it is UTF-8, and otherwise a copy in which each maximal
// part that is none is one U+FFFD (WHATWG Encoding, UTF-8 decoder).
func toUTF8(b []byte) []byte {
	if utf8.Valid(b) {
		return b
	}
	out := make([]byte, 0, len(b)+utf8.UTFMax)
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n <= 1 {
			n = broken(b)
		}
		out = utf8.AppendRune(out, r)
		b = b[n:]
	}
	return out
}

// broken is the length of the maximal part of a character that b begins with: its
// first byte, and those that could go on.
func broken(b []byte) int {
	need, low, high := continuation(b[0])
	n := 1
	for ; n <= need && n < len(b) && b[n] >= low && b[n] <= high; n++ {
		low, high = 0x80, 0xBF
	}
	return n
}

// continuation is how many bytes follow a first byte, and the range of the next.
func continuation(first byte) (need int, low, high byte) {
	switch {
	case first >= 0xC2 && first <= 0xDF:
		return 1, 0x80, 0xBF
	case first == 0xE0:
		return 2, 0xA0, 0xBF
	case first == 0xED:
		return 2, 0x80, 0x9F
	case first >= 0xE1 && first <= 0xEF:
		return 2, 0x80, 0xBF
	case first == 0xF0:
		return 3, 0x90, 0xBF
	case first >= 0xF1 && first <= 0xF3:
		return 3, 0x80, 0xBF
	case first == 0xF4:
		return 3, 0x80, 0x8F
	}
	return 0, 0, 0
}
