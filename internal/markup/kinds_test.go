package markup_test

import (
	"strings"

	"dateline/internal/liveblog"
)

// kind is a text that parsers take long for: head, then unit as often as fits, then
// tail. Each stands for one way to make work grow faster than the text.
type kind struct{ name, format, head, unit, tail string }

func (k kind) text() string {
	room := liveblog.MaxBody - len(k.head) - len(k.tail)
	if k.unit == "" || room < len(k.unit) {
		return k.head + k.tail
	}
	return k.head + strings.Repeat(k.unit, room/len(k.unit)) + k.tail
}

// halves repeats opening and closing as often as each other.
func halves(opening, closing string) string {
	const half = liveblog.MaxBody / 2
	return strings.Repeat(opening, half/len(opening)) + strings.Repeat(closing, half/len(closing))
}

// tickRuns has runs of one, two, three, ... ticks, size bytes in all.
func tickRuns(between string, size int) string {
	var b strings.Builder
	for n := 1; b.Len()+n < size; n++ {
		b.WriteString(strings.Repeat("`", n) + between)
	}
	return b.String()
}

var (
	times30 = func(s string) string { return strings.Repeat(s, 30) }
	times90 = func(s string) string { return strings.Repeat(s, 90) }
	times   = strings.Repeat
)

var kinds = []kind{
	// Emphasis: closers whose opener does not match, is missing, or is far away.
	{"closers that go on", "markdown", "a**b", "c* ", ""},
	{"closers that go on, struck", "markdown", "a~~b", "c~ ", ""},
	{"marks with spaces", "markdown", halves(" *", "a* "), "", ""},
	{"pairs", "markdown", "", "*a* ", ""},
	{"strong pairs", "markdown", "", "**a** ", ""},
	{"stars", "markdown", "", "a*", ""},
	{"low lines", "markdown", "", "_a", ""},
	{"nested emphasis", "markdown", halves("*a ", " a*"), "", ""},
	{"three marks", "markdown", halves("*a _b ~c ", "a* b_ c~ "), "", ""},
	{"rule of three", "markdown", halves("a**b", "a*b"), "", ""},
	// Code spans without an end.
	{"ticks", "markdown", tickRuns("a", liveblog.MaxBody), "", ""},
	{"ticks before lines", "markdown", tickRuns("\na", liveblog.MaxBody/4), "a\n", ""},
	// Brackets, and what links look for behind them.
	{"brackets", "markdown", "", "[", ""},
	{"brackets around nodes", "markdown", times("[", 2000), "*a*", times("]", 2000)},
	{"brackets far apart", "markdown", times("[", 2000), "a ", times("]", 2000)},
	{"bracketed lines", "markdown", "", "[a]\n", ""},
	{"titles without end", "markdown", "", "[a](b 'c\n", ""},
	{"titles before lines", "markdown", times("[a](b 'c\n", 499), "a\n", ""},
	{"destinations without end", "markdown", "", "[](", ""},
	{"destinations before a word", "markdown", times("[](", 499), "a", ""},
	{"angle brackets without end", "markdown", "", "[](<", ""},
	{"links", "markdown", "", "[a](http://b)", ""},
	{"definitions", "markdown", "", "[a]: b\n", ""},
	{"definitions before lines", "markdown", times("[a]: b\n", 499), "a\n", ""},
	{"images in images", "markdown", times90("!["), "*a*", times90("](x:y)")},
	{"linked images in images", "markdown", times90("!["), "*a*", times90("](http://x)")},
	// Addresses.
	{"hosts without end", "markdown", "", "~www.", ""},
	{"addresses without end", "markdown", "", "*a@b_", ""},
	{"long addresses", "markdown", "", times("*a", 32) + "@" + times("b.", 127) + "_ ", ""},
	{"URLs", "markdown", "", "http://a.b ", ""},
	{"marks after a URL", "markdown", "http://a.b/", "?!", ""},
	// Blocks.
	{"stairs and empty lines", "markdown", staircase(90), "\n", ""},
	{"stairs", "markdown", staircase(240), "", ""},
	{"lists and empty lines", "markdown", times("- ", 31) + "a", "\n", ""},
	{"lists in lists", "markdown", "", times("- ", 31) + "a\n", ""},
	{"quotes in quotes", "markdown", "", times(">", 31) + "a\n", ""},
	{"quotes that go on", "markdown", times(">", 31), "a\n", ""},
	{"items", "markdown", "", "- a\n", ""},
	{"loose items", "markdown", "", "- a\n\n", ""},
	{"numbers", "markdown", "", "1. a\n", ""},
	{"items with tabs", "markdown", "", "-\ta\n\n\t\tb\n", ""},
	{"headings", "markdown", "", "# a\n", ""},
	{"underlined headings", "markdown", "", "a\n=\n", ""},
	{"rules", "markdown", "", "***\n", ""},
	{"fences", "markdown", "", "```\n", ""},
	{"lines", "markdown", "", "a\n", ""},
	{"a long card", "markdown", "https://www.youtube.com/watch?", "v=a&", ""},
	{"references", "markdown", "", "&a", ""},
	// Plain text.
	{"parentheses after a URL", "text", "http://a", ")", ""},
	{"URLs with parentheses", "text", "", "http://a))))))))) ", ""},
	{"stars as text", "text", "", "*", ""},
	// HTML.
	{"quotes around lines", "html", times("<blockquote>", 400), "x<br>", ""},
	{"fewer quotes around lines", "html", times30("<blockquote>"), "x<br>", ""},
	{"lists around lines", "html", times("<ul><li>", 200), "x<br>", ""},
	{"numbers around paragraphs", "html", times("<ol><li>", 45), "x<p>", ""},
	{"brackets in HTML", "html", "", "[", ""},
	{"backslashes", "html", "", `\`, ""},
	{"marks around lines", "html", times30("<b>a<i>b<s>c"), "x<br>", ""},
	{"bold paragraphs", "html", times("<b><i><s><em><strong><code><del><strike>", 3), "<p>x", ""},
	{"more and more bold", "html", "", "<b><p>", ""},
	{"links around paragraphs", "html", halves("<a href=http://x>", "<p>"), "", ""},
	{"links around headings", "html", "", "<a href=http://x><h1>a</h1></a>", ""},
	{"dashes in paragraphs", "html", "", "<p>-", ""},
	{"lines in a quote", "html", "<blockquote><pre>", "a\n", ""},
	{"items in HTML", "html", "<ul>", "<li>a", ""},
	{"images in HTML", "html", "", "<img src=http://x>", ""},
	{"nested elements", "html", "", "<div>", ""},
	{"attributes", "html", "<a ", "href=x ", ">"},
	{"headings with breaks", "html", "", "<h1>a<br>", ""},
	{"lists without items", "html", "<ul>", "a<b>b</b>", ""},
}
