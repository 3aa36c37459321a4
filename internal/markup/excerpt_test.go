package markup_test

import (
	"strings"
	"testing"

	"dateline/internal/liveblog"
	"dateline/internal/markup"
)

func TestOneLine(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"":                                    "",
		"<p>One <strong>two</strong>, 3.</p>": "One two, 3.",
		"<p>One.</p><p>Two.</p>":              "One. Two.",
		"<ul><li><strong>A</strong>, b</li><li>c</li></ul><p>d &amp; e</p>": "A, b · c d & e",
	} {
		if got := markup.OneLine(source); got != want {
			t.Errorf("%s: %q, want %q", source, got, want)
		}
	}
}

func TestHeadline(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Corner. Nothing comes of it.":               "Corner. Nothing comes of it.",
		"The visitors score first. It was coming.":   "The visitors score first",
		"Will there be extra time tonight? We wait.": "Will there be extra time tonight?",
		strings.Repeat("word ", 40):                  strings.TrimSpace(strings.Repeat("word ", 21)) + "…",
		"":                                           "Post",
	} {
		if got := markup.Headline(&liveblog.Post{Text: text}); got != want {
			t.Errorf("headline of %q is %q, want %q", text, got, want)
		}
	}
}
