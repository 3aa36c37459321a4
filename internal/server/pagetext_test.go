package server

import "testing"

func TestOneLine(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"":                                    "",
		"<p>One <strong>two</strong>, 3.</p>": "One two, 3.",
		"<p>One.</p><p>Two.</p>":              "One. Two.",
		"<ul><li><strong>A</strong>, b</li><li>c</li></ul><p>d &amp; e</p>": "A, b · c d & e",
	} {
		if got := oneLine(source); got != want {
			t.Errorf("%s: %q, want %q", source, got, want)
		}
	}
}
