package markup

import (
	"strings"
	"testing"
)

// urls are texts that begin with a URL, with a bar where it ends.
var urls = []string{
	"https://e.com/a| and more", "https://e.com/a|", "https://e.com/a|\nnext line", "https://e.com/a|\u00a0b", "https://e.com/a|\x00b", "https://e.com/a|\u2003b",
	"https://e.com|.", "https://e.com/a|, b", "https://e.com/a|?", "https://e.com/a?b|!!", "https://e.com/a|...", "https://e.com/a|:", "https://e.com/a.html|.", "https://e.com/a,b|;",
	"https://e.com/a_(b)|", "https://e.com/a_(b)|.", "https://e.com/a|)", "https://e.com/a|).", "https://e.com/a|)b", "https://e.com/(a(b)c)|)", "https://e.com/a(b|",
	"https://e.com/a[b]|", "https://e.com/a|]", "https://e.com/a|](b)", "https://e.com/a?b[]=c|",
	`https://e.com/a|"b"`, "https://e.com/a|'", "https://e.com/o'neill|", "https://e.com/a|”", "https://e.com/a|» b", "https://e.com/a|…",
	"https://e.com/a|**", "https://e.com/a|** b", "https://e.com/a|_", "https://e.com/a_b_c*d|*", "https://e.com/a|~~",
	"https://e.com/a|<b>", "https://e.com/a|>b", "https://e.com/a|`b`", `https://e.com/a|\*`, "https://e.com/a||b", "https://e.com/a|^b", "https://e.com/a|{b}",
	"https://e.com/?a=1&b=2|", "https://e.com/?a=1|&amp;", "https://e.com/a|&copy;", "https://e.com/a&b;c|", "https://e.com/a;b|;", "https://e.com/?a=1|&quot;.",
	"https://e.com:8080/a|,", "https://u@e.com/#b|", "https://e.com/a%20b|", "http://[::1]/|", "http://a.b/c|.)",
	"https://de.example/Köln|.", "https://例え.jp/a_b|_ です", "https://e.com/مرحبا|", "https://e.com/a|。次", "https://e.com/a|、", "https://e.com/a|🎉", "https://e.com/na\u00efve|", "https://e.com/nai\u0308ve|", "https://e.com/a|\ufffdb",
}

func TestURLEnd_OneRule(t *testing.T) {
	t.Parallel()
	for _, text := range urls {
		url, rest := cutAtBar(text)
		if got := urlEnd(url + rest); got != len(url) {
			t.Errorf("%q ends after %q, want %q", url+rest, (url + rest)[:got], url)
		}
	}
}

// cutAtBar cuts a text at its first bar.
func cutAtBar(text string) (url, rest string) {
	url, rest, _ = strings.Cut(text, "|")
	return url, rest
}

// The same URL is a link whether it comes in Markdown or in plain text.
func TestURLEnd_MarkdownAndTextAgree(t *testing.T) {
	t.Parallel()
	for _, text := range urls {
		url, rest := cutAtBar(text)
		if strings.ContainsRune(url, '[') || !mayBeURL([]byte(url)) {
			continue // a bracket of its own, or a host that Markdown does not take for one
		}
		want := `<a href="`
		for _, format := range []string{"markdown", "text"} {
			markdown, err := ToMarkdown(format, "see "+url+rest)
			if err != nil {
				t.Fatal(err)
			}
			rendered, err := Render(markdown, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, link, _ := strings.Cut(rendered.HTML, want)
			_, label, _ := strings.Cut(link, ">")
			label, _, _ = strings.Cut(label, "<")
			if got := PlainText(label); got != url {
				t.Errorf("%s %q links %q, want %q", format, url+rest, got, url)
			}
		}
	}
}
