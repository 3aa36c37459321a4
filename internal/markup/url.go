package markup

import (
	"iter"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// scheme begins a bare URL in plain text.
var scheme = regexp.MustCompile(`https?://`)

// bareURLs returns the beginnings and ends of the URLs in a text that is not Markdown.
func bareURLs(s string) iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		last := 0
		for _, m := range scheme.FindAllStringIndex(s, -1) {
			if m[0] < last {
				continue // within a URL
			}
			end := m[0] + urlEnd(s[m[0]:])
			if end <= m[1] {
				continue // a scheme without anything
			}
			if last = end; !yield(m[0], end) {
				return
			}
		}
	}
}

// urlEnd returns how many bytes of s, which begins with a URL, belong to that URL. It is
// the one rule for bare URLs, in Markdown and in plain text. It follows "extended
// autolinks" of GitHub Flavored Markdown, and also ends a URL where a sentence goes on:
//
//   - A URL ends before white space, a control character, a character that no URL holds
//     (RFC 3986, appendix A), and a non-ASCII character that is no letter, mark or digit,
//     such as a typographic quote, a full-width full stop or an emoji.
//   - It ends before a closing bracket that was not opened in it.
//   - Punctuation at its end, and a character reference there, do not belong to it.
func urlEnd(s string) int {
	end, round, square := len(s), 0, 0
scan:
	for i, c := range s {
		switch {
		case !inURL(c):
			end = i
			break scan
		case c == '(':
			round++
		case c == '[':
			square++
		case c == ')':
			round--
		case c == ']':
			square--
		}
		if round < 0 || square < 0 {
			end = i
			break scan
		}
	}
	for {
		short := strings.TrimRight(s[:end], ".,:!?'*_~")
		if name, ok := strings.CutSuffix(short, ";"); ok {
			short = name
			if before := strings.TrimRightFunc(name, isAlphanumeric); before != name && strings.HasSuffix(before, "&") {
				short = before[:len(before)-1]
			}
		}
		if len(short) == end {
			return end
		}
		end = len(short)
	}
}

// inURL reports whether a URL may hold c, in the form in which people write URLs: with
// letters of all scripts, which browsers encode.
func inURL(c rune) bool {
	if c < utf8.RuneSelf {
		return c > ' ' && c != 0x7f && !strings.ContainsRune("<>\"\\^`{|}", c)
	}
	return c != utf8.RuneError && (unicode.IsLetter(c) || unicode.IsMark(c) || unicode.IsDigit(c))
}

func isAlphanumeric(c rune) bool { return c < utf8.RuneSelf && isWord(byte(c)) }
