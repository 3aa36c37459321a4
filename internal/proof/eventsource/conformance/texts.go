package conformance

import "strings"

// Text is a content that a careless writer of streams gets wrong.
type Text struct{ Name, Text string }

// Texts are contents that must arrive as they are; what is no UTF-8 arrives as
// replacement characters.
func Texts() []Text {
	return []Text{
		{"empty", ""},
		{"plain", "Goal"},
		{"LF", "a\nb"},
		{"CR", "a\rb"},
		{"CRLF", "a\r\nb"},
		{"line ends around", "\n\r\na\r\n\r\r"},
		{"only line ends", "\n\n\n"},
		{"an event of its own", "a\n\nevent: end\nid: 99\ndata: {}\n\n"},
		{"fields with CR", "a\r\rid: 99\rretry: 1\r\r"},
		{"a comment", ": a\n: b"},
		{"line separators", "a\u2028b\u2029c\u0085d"},
		{"other white space", "\va\fb\u00a0c\t"},
		{"NUL", "a\x00b"},
		{"NUL alone", "\x00"},
		{"all control characters", controls()},
		{"byte order mark", "\uFEFFa\uFEFF"},
		{"colons and spaces", " : :a: "},
		{"quotes and backslashes", `"\n\\u000a"'` + "`"},
		{"HTML", "<p>a &amp; b</p><!--\n--></script>"},
		{"emoji", "\U0001F3C6\U0001F1E6\U0001F1F9 \U0001F468\u200d\U0001F469\u200d\U0001F467"},
		{"right to left", "\u05e9\u05dc\u05d5\u05dd \u202e\u0645\u0631\u062d\u0628\u0627\u202c"},
		{"the last characters", "\uFFFD\uFFFE\uFFFF\U0010FFFF"},
		{"not UTF-8", "a\xFFb\xC3\n\xED\xA0\x80"},
		{"long", strings.Repeat("0123456789\n", 1000)},
		{"huge", strings.Repeat("All of it at once. \u00e9\r\n", 4_000)},
	}
}

func controls() string {
	var b strings.Builder
	for c := range byte(0x20) {
		b.WriteByte(c)
	}
	return b.String() + "\x7f"
}
