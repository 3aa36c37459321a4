package markup_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/markup"

	"github.com/google/uuid"
)

var (
	photoID = uuid.MustParse("01234567-89ab-4def-8123-456789abcdef")
	photo   = &liveblog.Media{
		ID: photoID, Width: 2000, Height: 1000, Alt: "the start", Caption: "They are off", Credit: "A & B",
		Variants: []liveblog.Variant{
			{Width: 1600, Height: 800, Type: "image/jpeg"}, {Width: 800, Height: 400, Type: "image/jpeg"}, {Width: 400, Height: 200, Type: "image/jpeg"},
		},
	}
	library = map[uuid.UUID]*liveblog.Media{photoID: photo}
)

const (
	link = `rel="nofollow ugc noopener"`
	img  = `<img src="/media/01234567-89ab-4def-8123-456789abcdef/800.jpg" srcset="/media/01234567-89ab-4def-8123-456789abcdef/1600.jpg 1600w, ` +
		`/media/01234567-89ab-4def-8123-456789abcdef/800.jpg 800w, /media/01234567-89ab-4def-8123-456789abcdef/400.jpg 400w" ` +
		`sizes="(min-width: 48rem) 44rem, 100vw" width="2000" height="1000" alt="`
	imgEnd = `" loading="lazy" decoding="async">`
	ref    = "media:01234567-89ab-4def-8123-456789abcdef"
)

func TestRender_CommonMark(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, in, html, text string }{
		{"empty", "", "", ""},
		{"paragraphs", "a *b* **c**\n\nd", "<p>a <em>b</em> <strong>c</strong></p>\n<p>d</p>", "a b c\n\nd"},
		{"strike-through", "~~no~~", "<p><del>no</del></p>", "no"},
		{"heading sizes", "# A\n\n### B", "<h3>A</h3>\n<h4>B</h4>", "A\n\nB"},
		{"list", "- a\n- b\n  1. c", "<ul>\n<li>a</li>\n<li>b\n<ol>\n<li>c</li>\n</ol>\n</li>\n</ul>", "- a\n- b\n  1. c"},
		{"list with a start", "3. a\n4. b", "<ol start=\"3\">\n<li>a</li>\n<li>b</li>\n</ol>", "3. a\n4. b"},
		{"raw HTML is text", "<b>x</b>", "<p>&lt;b&gt;x&lt;/b&gt;</p>", "<b>x</b>"},
		{"hard break", "a\\\nb", "<p>a<br>\nb</p>", "a\nb"},
		{"no space between Chinese lines", "日本\n語", "<p>日本語</p>", "日本語"},
		{"link", "[e](https://e.com)", `<p><a href="https://e.com" ` + link + `>e</a></p>`, "e"},
		{"bare link in text", "see https://e.com now", `<p>see <a href="https://e.com" ` + link + `>https://e.com</a> now</p>`, "see https://e.com now"},
		{"relative link", "[e](/admin)", "<p>e</p>", "e"},
		{"script link", "[e](javascript:alert(1))", "<p>e</p>", "e"},
		{"code", "```go\n<a>\n  b\n```", "<pre><code>&lt;a&gt;\n  b\n</code></pre>", "<a>\n  b"},
		{"image", "![alt](" + ref + ` "cap")`, `<figure class="image">` + img + "alt" + imgEnd +
			`<figcaption>cap <span class="credit">A &amp; B</span></figcaption></figure>`, "alt\ncap A & B"},
		{"image with its own texts", "![](" + ref + ")", `<figure class="image">` + img + "the start" + imgEnd +
			`<figcaption>They are off <span class="credit">A &amp; B</span></figcaption></figure>`, "the start\nThey are off A & B"},
		{"image within text", "a\n![x](" + ref + ` "c")` + "\nb", "<p>a</p>\n" + `<figure class="image">` + img + "x" + imgEnd +
			`<figcaption>c <span class="credit">A &amp; B</span></figcaption></figure>` + "\n<p>\nb</p>", "a\n\nx\nc A & B\n\nb"},
		{"image in a list", "- ![x](" + ref + ")", "<ul>\n<li>" + img + "x" + imgEnd + "</li>\n</ul>", "- x"},
		{"image of others", "![pic](https://e.com/p.png)", `<p><a href="https://e.com/p.png" ` + link + `>pic</a></p>`, "pic"},
		{"image of nobody", "![pic](data:image/png;base64,xx)", "<p>pic</p>", "pic"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := markup.Render(tt.in, library)
			if err != nil {
				t.Fatal(err)
			}
			if got.HTML != tt.html {
				t.Errorf("HTML\n got %s\nwant %s", got.HTML, tt.html)
			}
			if got.Text != tt.text {
				t.Errorf("text\n got %q\nwant %q", got.Text, tt.text)
			}
		})
	}
}

func TestRender_Cards(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ url, provider, src string }{
		{"https://www.youtube.com/watch?v=dQw4w9WgXcQ", "YouTube", "https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ"},
		{"https://m.youtube.com/watch?t=1&v=dQw4w9WgXcQ&x=y", "YouTube", "https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ"},
		{"https://youtu.be/dQw4w9WgXcQ?t=4", "YouTube", "https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ"},
		{"https://youtube.com/shorts/dQw4w9WgXcQ", "YouTube", "https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ"},
		{"https://www.youtube.com/live/dQw4w9WgXcQ?feature=share", "YouTube", "https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ"},
		{"https://vimeo.com/123456789", "Vimeo", "https://player.vimeo.com/video/123456789?dnt=1"},
		{"https://bsky.app/profile/did:plc:z72i7hdynmk6r22z27h6tvur/post/3l6oveex3ii2l", "Bluesky",
			"https://embed.bsky.app/embed/did:plc:z72i7hdynmk6r22z27h6tvur/app.bsky.feed.post/3l6oveex3ii2l"},
		{"https://bsky.app/profile/news.example.com/post/3l6oveex3ii2l", "", ""},
		{"https://x.com/harbour/status/1234567890123", "X", "https://platform.twitter.com/embed/Tweet.html?id=1234567890123&amp;dnt=true"},
		{"https://twitter.com/harbour/status/1234567890123?s=20", "X", "https://platform.twitter.com/embed/Tweet.html?id=1234567890123&amp;dnt=true"},
		{"https://www.instagram.com/p/Cabc_-1/", "Instagram", "https://www.instagram.com/p/Cabc_-1/embed/"},
		{"https://www.instagram.com/reel/Cabc_-1/?x=1", "Instagram", "https://www.instagram.com/p/Cabc_-1/embed/"},
		{"https://www.tiktok.com/@some.one/video/7123456789012345678", "TikTok", "https://www.tiktok.com/player/v1/7123456789012345678"},
		{"https://vm.tiktok.com/ZMabc/", "", ""},
		{"https://example.com/story", "", ""},
		{"https://youtube.com.evil.example/watch?v=dQw4w9WgXcQ", "", ""},
		{"https://user@youtube.com/watch?v=dQw4w9WgXcQ", "", ""},
		{"https://example.com/youtube.com/watch?v=dQw4w9WgXcQ", "", ""},
		{"https://www.youtube.com/watch?v=dQw4w9WgXcQ\"onload=x", "", ""},
	} {
		got, err := markup.Render("<"+tt.url+">", nil)
		if err != nil {
			t.Fatal(err)
		}
		embed := ""
		if tt.provider != "" {
			embed = ` data-embed-src="` + tt.src + `" data-embed-provider="` + tt.provider + `"`
		}
		if want := `<figure class="embed"` + embed + `><a href="`; !strings.HasPrefix(got.HTML, want) {
			t.Errorf("%s\n got %s\nwant %s...", tt.url, got.HTML, want)
		}
	}
}

func TestRender_CardsOnlyForLoneURLs(t *testing.T) {
	t.Parallel()
	const url = "https://youtu.be/dQw4w9WgXcQ"
	for in, card := range map[string]bool{
		url: true, "[" + url + "](" + url + ")": true, "a\n\n" + url + "\n\nb": true, "> " + url: true,
		"see " + url: false, url + " now": false, "[watch](" + url + ")": false, "- " + url: false, "**" + url + "**": false,
	} {
		got, err := markup.Render(in, nil)
		if err != nil || strings.Contains(got.HTML, "<figure") != card {
			t.Errorf("%q: card %v wanted: %s %v", in, card, got.HTML, err)
		}
	}
}

func TestRender_Refusals(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{
		"unknown image":      "![x](media:11111111-89ab-4def-8123-456789abcdef)",
		"too many images":    strings.Repeat("![x]("+ref+")\n\n", liveblog.MaxImages+1),
		"too many embeds":    strings.Repeat("https://e.com/x\n\n", liveblog.MaxEmbeds+1),
		"too long":           strings.Repeat("a", liveblog.MaxBody+1),
		"nested quotes":      strings.Repeat("> ", 10_000) + "x",
		"nested lists":       strings.Repeat("1. ", 10_000) + "x",
		"nested over lines":  staircase(120),
		"lists, empty lines": staircase(90) + strings.Repeat("\n", 40_000),
		"nested brackets":    strings.Repeat("[", 2_000) + strings.Repeat("*a*", 10_000) + strings.Repeat("]", 2_000),
		"definitions":        strings.Repeat("[a]: b\n", 9_000),
	} {
		_, err := markup.Render(in, library)
		p, ok := errors.AsType[*liveblog.Problem](err)
		if !ok || !errors.Is(err, liveblog.ErrInvalid) || len(p.Fields) == 0 || p.Fields[0].Location != "body.body" {
			t.Errorf("%s: got %v, want ErrInvalid for body.body", name, err)
		}
	}
}

// staircase is a list whose every item holds the next one.
func staircase(steps int) string {
	var b strings.Builder
	for i := range steps {
		b.WriteString(strings.Repeat("  ", i) + "- a\n")
	}
	return b.String()
}

func TestRender_AtTheLimits(t *testing.T) {
	t.Parallel()
	in := strings.Repeat("![x]("+ref+")\n\n", liveblog.MaxImages) + strings.Repeat("https://e.com/x\n\n", liveblog.MaxEmbeds) +
		strings.Repeat("> ", 20) + "deep"
	if _, err := markup.Render(in, library); err != nil {
		t.Error(err)
	}
}

// bombs make careless parsers take quadratic time or deep recursion.
var bombs = []string{
	">", "> ", "[", "![", "]", "](", "[a](", "`", "`a``b", "*", "*a ", "**a ", "_a", "_*", "~", "~a ", "- ", "1. ", "- a\n  ",
	"<", "<a ", "&", "&a;", "\\", "(", "a@", "http://a.b ", "(http://a.b", "[a]: b\n", "![a](_*", "\n> ", "# ", "\t", "|a", "://",
}

// What is only unusual is shown, not refused.
func TestRender_UnusualTextsAreShown(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{
		"brackets":            strings.Repeat("[", 10_000),
		"brackets over lines": strings.TrimSpace(strings.Repeat("[\n", 10_000)),
		"closers":             "a\\*\\*b" + strings.Repeat("c* ", 20_000) + "d",
		"a long rule":         "a\n\n" + strings.Repeat("- ", 40),
		"ticks":               tickRuns("a", 20_000),
	} {
		got, err := markup.Render(in, library)
		want := strings.NewReplacer("\\", "", "\n", " ").Replace(in)
		if name == "a long rule" {
			want = "a"
		}
		if err != nil || got.Text != want {
			t.Errorf("%s: %v, %d bytes of text became %d", name, err, len(want), len(got.Text))
		}
	}
}

// Texts as editors write them, as long as they may be, are within the bounds.
func TestRender_LongOrdinaryTexts(t *testing.T) {
	t.Parallel()
	const reports = "Goal for **Harbour**! **Novak** heads it in from *six* yards, 1-0 after 12'. "
	for name, unit := range map[string]string{
		"one paragraph, bold words": strings.Replace(reports, "1-0", "**1-0**", 1),
		"paragraphs":                strings.Repeat(reports, 5) + "\n\n",
		"hard line breaks":          reports + "\\\n",
		"lists":                     "- **12'** Novak heads it in\n  - his *third* of the season\n    1. and [the best](https://e.com/a)\n",
		"list of links":             "- [Novak, A.](https://e.com/players/novak) 12 goals\n",
		"lines of links":            "[Novak, A.](https://e.com/players/novak), 12 goals\n",
		"footnotes":                 "A claim[1] and another[2], see [3].\n",
		"definitions":               "[source of the figure]: https://e.com/a/long/address/of/a/page \"Title\"\n",
		"table":                     "| Harbour | 12 | 3 | 1 | 40:12 | **39** |\n",
		"quotes":                    "> He said so\n>\n> > and *she* said\n> > - no\n\n",
		"code":                      "The `go test` of `a` and ``b`` \n",
		"addresses":                 "Write to desk@e.com, see https://e.com/a?b=c&d=e or www.e.com.\n",
	} {
		in := strings.Repeat(unit, liveblog.MaxBody/len(unit))
		steps, err := markup.Steps(in)
		if err != nil || steps > markup.MaxSteps*2/3 {
			t.Errorf("%s: %d of %d steps, %v", name, steps, markup.MaxSteps, err)
		}
		if _, err := markup.Render(in, library); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The same as HTML, as editors' programs and wire services send it.
func TestToMarkdown_LongOrdinaryHTML(t *testing.T) {
	t.Parallel()
	for name, unit := range map[string]string{
		"paragraphs": "<p>Goal for <strong>Harbour</strong>! <b>Novak</b> heads it in from <i>six</i> yards.</p>\n",
		"breaks":     "Goal for <strong>Harbour</strong>!<br>\n",
		"lists":      "<ul><li>Goal for <b>Harbour</b></li><li><p>Novak, from six yards</p><ul><li>his third</li></ul></li></ul>\n",
		"links":      `<li><a href="https://e.com/players/novak">Novak, A.</a>, 12 goals</li>` + "\n",
		"quotes":     "<blockquote><p>He said</p><blockquote>so</blockquote></blockquote>\n",
		"divs":       "<div><div><div><p>Goal for Harbour [1-0]</p></div></div></div>\n",
	} {
		in := strings.Repeat(unit, liveblog.MaxBody/len(unit))
		if markdown, err := markup.ToMarkdown("html", in); err != nil || markdown == "" {
			t.Errorf("%s: %v, %d steps", name, err, markup.TreeSteps(in))
		}
	}
}

func TestRender_BombsAreFast(t *testing.T) {
	t.Parallel()
	const limit = 2 * time.Second // alone each takes some 40 ms at most; quadratic time would be minutes
	for _, bomb := range bombs {
		in := strings.Repeat(bomb, liveblog.MaxBody/len(bomb))
		begin := time.Now()
		_, _ = markup.Render(in, nil)
		markdown, _ := markup.ToMarkdown("text", in)
		_, _ = markup.Render(markdown, nil)
		if took := time.Since(begin); took > limit {
			t.Errorf("%q repeated took %v", bomb, took)
		}
	}
}

func TestImages_ListsUploadedOnesOnce(t *testing.T) {
	t.Parallel()
	const other = "11111111-89ab-4def-8123-456789abcdef"
	in := "![a](media:" + other + ")\n\n> ![b](" + ref + " \"c\") ![again](media:" + other + ")\n\n`![no](" + ref + ")` ![no](media:nonsense) ![no](https://e.com/x.png)"
	want := []uuid.UUID{uuid.MustParse(other), photoID}
	if got := markup.Images(in); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := markup.Images(strings.Repeat("> ", 10_000)); got != nil {
		t.Errorf("of a refused text: got %v", got)
	}
}

func TestReference_RendersTheTextsOfTheImage(t *testing.T) {
	t.Parallel()
	m := *photo
	m.Alt, m.Caption, m.Credit = `a [b] *c* "d"`, `He said "go" [*now*] \o/`, ""
	got, err := markup.Render(markup.Reference(&m), map[uuid.UUID]*liveblog.Media{photoID: &m})
	if err != nil || got.Text != m.Alt+"\n"+m.Caption {
		t.Errorf("got %q, %v from %s", got.Text, err, markup.Reference(&m))
	}
}

func TestToMarkdown_Text(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		"1. FC Koeln", "- dash", "# hash", "* star *", "+ plus", "> quote", "a\n===", "a\n---", "    indented", "`code` ``", "~~~\nx\n~~~",
		"[link](https://e.com)", "![x](media:1)", "<b>bold</b>", "&amp; &lt;", "a_b_c __init__", "C:\\dir\\file", "10) ten", "http://", "www.e.com/a_b",
		"me@e.com", "see https://e.com/a_(b)_c?d=e&f=g, or not", "one\ntwo\n\nthree", "***", "[a]: https://e.com", "~no~", "ftp://e.com/x_y", "1.\n2.",
	} {
		markdown, err := markup.ToMarkdown("text", in)
		if err != nil {
			t.Fatal(err)
		}
		got, err := markup.Render(markdown, nil)
		if want := strings.TrimSpace(in); err != nil || got.Text != want {
			t.Errorf("%q became %q through %q (%v)", in, got.Text, markdown, err)
		}
	}
}

func TestToMarkdown_HTML(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ in, html string }{
		{"<p>a <b>b</b> <i>c</i> <s>d</s></p>", "<p>a <strong>b</strong> <em>c</em> <del>d</del></p>"},
		{"<h1>T</h1><ul><li>x</li></ul>", "<h3>T</h3>\n<ul>\n<li>x</li>\n</ul>"},
		{"<p>1. FC Koeln</p>", "<p>1. FC Koeln</p>"},
		{"<p>&lt;script&gt;</p>", "<p>&lt;script&gt;</p>"},
		{"<script>alert(1)</script><p>x</p>", "<p>x</p>"},
		{`<a href="https://e.com">e</a>`, `<p><a href="https://e.com" ` + link + `>e</a></p>`},
		{`<img src="https://e.com/x.png" alt="pic">`, `<p><a href="https://e.com/x.png" ` + link + `>pic</a></p>`},
		{`<iframe src="https://e.com"></iframe>x`, "<p>x</p>"},
		{"<p>write &amp;amp; or &amp;#38; for &amp;, &amp;copy; AT&amp;T</p>", "<p>write &amp;amp; or &amp;#38; for &amp;, &amp;copy; AT&amp;T</p>"},
		{"<p>&amp;lt; <b>&amp;lt;</b> &lt;</p>", "<p>&amp;lt; <strong>&amp;lt;</strong> &lt;</p>"},
		{"<p><code>&amp;amp;</code></p>", "<p><code>&amp;amp;</code></p>"},
		{`<img src="https://e.com/x.png" alt="&amp;amp;">`, `<p><a href="https://e.com/x.png" ` + link + `>&amp;amp;</a></p>`},
		{"<p>see https://e.com/?a=1&amp;b=2 &amp;amp;</p>", `<p>see <a href="https://e.com/?a=1&amp;b=2" ` + link + `>https://e.com/?a=1&amp;b=2</a> &amp;amp;</p>`},
	} {
		markdown, err := markup.ToMarkdown("html", tt.in)
		if err != nil {
			t.Fatal(err)
		}
		got, err := markup.Render(markdown, library)
		if err != nil || got.HTML != tt.html {
			t.Errorf("%s\n got %s (%v)\nwant %s\n through %q", tt.in, got.HTML, err, tt.html, markdown)
		}
	}
}

func TestToMarkdown_Refusals(t *testing.T) {
	t.Parallel()
	for name, in := range map[string][2]string{
		"unknown format": {"rtf", "x"},
		"too much HTML":  {"html", strings.Repeat("x", 1<<20)},
	} {
		if _, err := markup.ToMarkdown(in[0], in[1]); !errors.Is(err, liveblog.ErrInvalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	deep := strings.Repeat("<blockquote>", 5_000)
	begin := time.Now()
	if _, err := markup.ToMarkdown("html", deep); err != nil && !errors.Is(err, liveblog.ErrInvalid) {
		t.Errorf("deep HTML: got %v", err)
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("deep HTML took %v", took)
	}
}

func BenchmarkRender(b *testing.B) {
	in := strings.Repeat("The **harbour** crew [leads](https://e.com) by *two* lengths at the bridge, and the tide turns.\n\n", 5) +
		"![start](" + ref + ")\n\nhttps://youtu.be/dQw4w9WgXcQ\n"
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if _, err := markup.Render(in, library); err != nil {
			b.Fatal(err)
		}
	}
}
