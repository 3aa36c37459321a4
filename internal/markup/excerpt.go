package markup

import (
	"strings"

	"dateline/internal/liveblog"
)

const (
	// MaxHeadline is the length of a headline, in runes: what search results show.
	MaxHeadline = 110
	// minSentence is the length, in runes, from which the first sentence of a text is a
	// headline. Without it "1." or "St." would be one.
	minSentence = 20
)

// Headline names a post: by its title, or otherwise by the first sentence of its text,
// of at most MaxHeadline runes.
func Headline(p *liveblog.Post) string {
	if p.Title != "" {
		return p.Title
	}
	text := oneSpaced(p.Text)
	if end := strings.IndexAny(text, ".!?。！？؟"); end > 0 && end+1 < len(text) {
		first := text[:end]
		if mark := []rune(text[end:])[0]; mark != '.' {
			first += string(mark)
		}
		if len([]rune(first)) >= minSentence {
			text = first
		}
	}
	if text == "" {
		return "Post"
	}
	return Clip(text, MaxHeadline)
}

// Clip folds the white space of s and shortens it to at most n runes, at a space where
// there is one in its second half.
func Clip(s string, n int) string {
	s = oneSpaced(s)
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	cut := string(runes[:n-1])
	if space := strings.LastIndexByte(cut, ' '); space > len(cut)/2 {
		cut = cut[:space]
	}
	return strings.TrimRight(cut, " ,;:") + "…"
}

func oneSpaced(s string) string { return strings.Join(strings.Fields(s), " ") }

// OneLine is the text of sanitised HTML on one line. Items of a list are separated by a
// dot, since they often end without a full stop.
func OneLine(source string) string {
	var out strings.Builder
	afterItem := false
	for line := range strings.Lines(PlainText(source)) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		text, item := strings.CutPrefix(line, "- ")
		switch {
		case out.Len() == 0:
		case afterItem && item:
			out.WriteString(" · ")
		default:
			out.WriteByte(' ')
		}
		out.WriteString(text)
		afterItem = item
	}
	return out.String()
}
