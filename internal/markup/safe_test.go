package markup_test

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"dateline/internal/liveblog"
	"dateline/internal/markup"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// allowed is all that a post may consist of, written down a second time: the
// tests must not believe the sanitiser's own table.
var allowed = map[string][]string{
	"p": nil, "br": nil, "hr": nil, "h3": nil, "h4": nil, "ul": nil, "ol": {"start"}, "li": nil, "blockquote": nil, "pre": nil,
	"code": nil, "em": nil, "strong": nil, "del": nil, "a": {"href", "rel"}, "figcaption": nil, "span": {"class"},
	"figure": {"class", "data-embed-src", "data-embed-provider"},
	"img":    {"src", "srcset", "sizes", "width", "height", "alt", "loading", "decoding"},
}

var (
	safeHref = regexp.MustCompile(`^(?i:https?|mailto):`)
	safeSrc  = regexp.MustCompile(`^/media/[0-9a-f-]{36}/[0-9]+\.(jpg|png)$`)
	safeSet  = regexp.MustCompile(`^(/media/[0-9a-f-]{36}/[0-9]+\.(jpg|png) [0-9]+w(, )?)+$`)
)

// unsafe tells what is wrong with the HTML of a post; nil when nothing is. It
// parses as a browser does.
func unsafe(source string) error {
	body := &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div}
	nodes, err := html.ParseFragment(strings.NewReader(source), body)
	if err != nil {
		return err
	}
	for _, root := range nodes {
		if err := unsafeNode(root); err != nil {
			return err
		}
		for n := range root.Descendants() {
			if err := unsafeNode(n); err != nil {
				return err
			}
		}
	}
	return nil
}

func unsafeNode(n *html.Node) error {
	switch n.Type {
	case html.TextNode:
		return nil
	case html.ElementNode:
	default:
		return fmt.Errorf("node of type %d: %q", n.Type, n.Data)
	}
	attributes, ok := allowed[n.Data]
	if !ok || n.Namespace != "" {
		return fmt.Errorf("element %q", n.Data)
	}
	for _, a := range n.Attr {
		if !slices.Contains(attributes, a.Key) || a.Namespace != "" {
			return fmt.Errorf("attribute %s=%q of %s", a.Key, a.Val, n.Data)
		}
		if err := unsafeValue(a); err != nil {
			return err
		}
	}
	return nil
}

func unsafeValue(a html.Attribute) error {
	ok := true
	switch a.Key {
	case "href":
		_, err := url.Parse(a.Val)
		ok = err == nil && safeHref.MatchString(a.Val)
	case "src":
		ok = safeSrc.MatchString(a.Val)
	case "srcset":
		ok = safeSet.MatchString(a.Val)
	case "rel":
		ok = a.Val == "nofollow ugc noopener"
	case "data-embed-src":
		u, err := url.Parse(a.Val)
		ok = err == nil && slices.Contains(markup.EmbedOrigins(), u.Scheme+"://"+u.Host)
	case "class":
		ok = slices.Contains([]string{"image", "embed", "credit"}, a.Val)
	}
	if !ok {
		return fmt.Errorf("value %s=%q", a.Key, a.Val)
	}
	return nil
}

// attacks are written for this test after the known kinds: elements that run
// or load, handlers, schemes in all their spellings, parser confusion, and
// what only Markdown can do.
var attacks = []string{
	`<script>alert(1)</script>`, `<SCRIPT SRC=//e.com/x.js></SCRIPT>`, `<scr<script>ipt>alert(1)</scr</script>ipt>`, `<script/x>alert(1)</script>`,
	"<script\n>alert(1)</script\n>", "<script\x00>alert(1)</script>", `<<script>alert(1)//<</script>`, `<script>alert(1)`, `</script><script>alert(1)</script>`,
	`<img src=x onerror=alert(1)>`, `<img src=x oNeRrOr=alert(1)>`, `<img/src=x/onerror=alert(1)>`, "<img src=x\nonerror\n=\nalert(1)>", `<img src="x" onerror="alert(1)"`,
	"<img src=`x`onerror=alert(1)>", `<img src=javascript:alert(1)>`, `<img srcset="javascript:alert(1) 1x">`, `<img src=//e.com/track.gif>`, `<img src=/admin/logout>`,
	`<img src="/media/../api/v1/x">`, `<img alt="&quot; onload=alert(1) x=&quot;" src=x>`, `<img lowsrc=javascript:alert(1) dynsrc=x>`, `<image src=x onerror=alert(1)>`,
	`<svg onload=alert(1)>`, `<svg><script>alert(1)</script></svg>`, `<svg><a xlink:href=javascript:alert(1)>x</a></svg>`, `<svg/onload=alert(1)//`,
	`<svg><animate onbegin=alert(1) attributeName=x>`, `<svg><style><img src=x onerror=alert(1)></style>`, `<svg></p><style><a id="</style><img src=1 onerror=alert(1)>">`,
	`<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>`, `<math href=javascript:alert(1)>x</math>`, `<math><maction xlink:href=javascript:alert(1)>x`,
	`<iframe src=javascript:alert(1)></iframe>`, `<iframe srcdoc="<script>alert(1)</script>">`, `<frameset><frame src=javascript:alert(1)>`, `<object data=javascript:alert(1)>`,
	`<embed src=javascript:alert(1)>`, `<applet code=x>`, `<base href=javascript:alert(1)//>`, `<link rel=stylesheet href=//e.com/x.css>`, `<meta http-equiv=refresh content="0;url=javascript:alert(1)">`,
	`<style>*{background:url(//e.com)}</style>`, `<p style="background:url(javascript:alert(1))">x</p>`, `<div style=width:expression(alert(1))>x</div>`, `<style>@import'//e.com/x.css'</style>`,
	`<form action=javascript:alert(1)><input type=submit></form>`, `<button formaction=javascript:alert(1)>x</button>`, `<input autofocus onfocus=alert(1)>`, `<isindex action=javascript:alert(1)>`,
	`<textarea><img src=x onerror=alert(1)></textarea>`, `<select><option><img src=x onerror=alert(1)></select>`, `<keygen autofocus onfocus=alert(1)>`,
	`<video src=x onerror=alert(1)>`, `<video><source onerror=alert(1)></video>`, `<audio src=x onerror=alert(1)>`, `<details open ontoggle=alert(1)>x</details>`, `<marquee onstart=alert(1)>x</marquee>`,
	`<body onload=alert(1)>`, `<html onmouseover=alert(1)>`, `<table background=javascript:alert(1)>`, `<td background=javascript:alert(1)>`, `<p onclick=alert(1)>x</p>`, `<b onmouseover=alert(1)>x</b>`,
	`<p id=forms name=body>x</p>`, `<a name=location>x</a>`, `<p class="post-body admin">x</p>`, `<span class=credit onclick=alert(1)>x</span>`, `<a href=x target=_top ping=//e.com download>x</a>`,
	`<a href=javascript:alert(1)>x</a>`, `<a href="JaVaScRiPt:alert(1)">x</a>`, `<a href=" javascript:alert(1)">x</a>`, "<a href=\"java\tscript:alert(1)\">x</a>", "<a href=\"java\nscript:alert(1)\">x</a>",
	"<a href=\"\x01javascript:alert(1)\">x</a>", `<a href="&#106;avascript:alert(1)">x</a>`, `<a href="&#x6A&#x61vascript:alert(1)">x</a>`, `<a href="javascript&colon;alert(1)">x</a>`,
	`<a href="java&Tab;script:alert(1)">x</a>`, `<a href="java&NewLine;script&colon;alert(1)">x</a>`, `<a href=vbscript:msgbox(1)>x</a>`, `<a href="data:text/html,<script>alert(1)</script>">x</a>`,
	`<a href="data:text/html;base64,PHNjcmlwdD4=">x</a>`, `<a href=file:///etc/passwd>x</a>`, `<a href="blob:https://e.com/x">x</a>`, `<a href="filesystem:x">x</a>`, `<a href="view-source:x">x</a>`,
	`<a href=//e.com>x</a>`, `<a href="\\e.com">x</a>`, `<a href="/\e.com">x</a>`, `<a href="http:javascript:alert(1)">x</a>`, `<a href="https:///x">x</a>`, `<a href="feed:javascript:alert(1)">x</a>`,
	`<!--><script>alert(1)</script>-->`, `<!-- --!><script>alert(1)</script>`, `<![CDATA[<script>alert(1)</script>]]>`, `<?xml version="1.0"?><script>alert(1)</script>`, `<!DOCTYPE x [<!ENTITY y "z">]>&y;`,
	`<noscript><p title="</noscript><img src=x onerror=alert(1)>">`, `<noembed><img title="</noembed><img src=x onerror=alert(1)>">`, `<xmp><img title="</xmp><img src=x onerror=alert(1)>">`,
	`<title><a id="</title><img src=x onerror=alert(1)>">`, `<template><script>alert(1)</script></template>`, `<plaintext><script>alert(1)</script>`, `<listing>&lt;img onerror=alert(1) src=x&gt;</listing>`,
	`<x onclick=alert(1)>x</x>`, `<custom-element onclick=alert(1)>x</custom-element>`, `<portal src=//e.com>`, `<dialog open onclose=alert(1)>x</dialog>`, `<slot name=x onslotchange=alert(1)>`,
	`<figure class="embed" data-embed-src="https://e.com/x">x</figure>`, `<figure class="embed" data-embed-src="javascript:alert(1)" data-embed-provider="YouTube">x</figure>`,
	`<figure data-embed-src="https://www.youtube-nocookie.com.e.com/embed/x">x</figure>`, `<figure data-embed-src="https://www.youtube-nocookie.com@e.com/">x</figure>`,
	`&lt;script&gt;alert(1)&lt;/script&gt;`, `&amp;lt;script&amp;gt;alert(1)`, `&#60;img src=x onerror=alert(1)&#62;`, `%3Cscript%3Ealert(1)%3C/script%3E`, "\u00bcscript\u00bealert(1)\u00bc/script\u00be",
	"+ADw-script+AD4-alert(1)+ADw-/script+AD4-", "<\u2028script>alert(1)</script>", "\ufeff<script>alert(1)</script>", "<scr\u0000ipt>alert(1)</scr\u0000ipt>", "\xc0\xbcscript\xc0\xbe", "<p\xff onclick=alert(1)>x",

	`[x](javascript:alert(1))`, `[x](JaVaScRiPt:alert(1))`, `[x](<javascript:alert(1)>)`, "[x](java\tscript:alert(1))", `[x](&#106;avascript:alert(1))`, `[x](javascript&colon;alert(1))`, `[x](javascript\:alert(1))`,
	`[x](java&Tab;script:alert(1))`, `[x](data:text/html,<script>alert(1)</script>)`, `[x](vbscript:x)`, `[x](file:///x)`, `[x](//e.com)`, `[x](/\e.com)`, `[x](\\e.com)`, `[x]( javascript:alert(1))`,
	"[x](\x01javascript:alert(1))", "[x](<\njavascript:alert(1)>)", `[x][y]` + "\n\n" + `[y]: javascript:alert(1)`, `[y]` + "\n\n" + `[y]: <javascript:alert(1)> "t"`, `<javascript:alert(1)>`, `<data:text/html,x>`, `<vbscript:x>`,
	`[x](https://e.com "onclick=alert(1)")`, `[x](https://e.com" onclick="alert(1))`, `[x](https://e.com'onclick='alert(1))`, `[x](<https://e.com" onclick="alert(1)>)`, `[<script>alert(1)</script>](https://e.com)`,
	`[![x](javascript:alert(1))](javascript:alert(1))`, `[![x](` + ref + `)](javascript:alert(1))`, `[a [b](https://e.com) c](javascript:alert(1))`, `[a](https://e.com) <b onclick=alert(1)>`,
	`![x](javascript:alert(1))`, `![x](data:image/svg+xml,<svg onload=alert(1)>)`, `![x](https://e.com/t.gif)`, `![x](//e.com/t.gif)`, `![x](/media/1/2.jpg)`, `![" onload="alert(1)](` + ref + `)`, `!['onload='alert(1)](` + ref + `)`,
	`![x](` + ref + ` "\"><script>alert(1)</script>")`, `![<script>alert(1)</script>](` + ref + ` '<img src=x onerror=alert(1)>')`, `![x](` + ref + `" onload=alert(1))`, `![x](media:../../etc/passwd)`, `![x](MEDIA:x)`,
	`<https://www.youtube.com/watch?v="onload=alert1>`, `https://www.youtube.com/watch?v=dQw4w9WgXcQ"><script>alert(1)</script>`, `<https://youtu.be/dQw4w9WgXcQ?"onload="alert(1)>`, `https://e.com/"onmouseover="alert(1)`,
	"https://e.com/'onmouseover='alert(1)", `http://e.com/<script>alert(1)</script>`, `https://www.youtube.com@e.com/watch?v=dQw4w9WgXcQ`, `<https://bsky.app/profile/did:plc:"><script>/post/x>`, `<https://e.com/\"><script>alert(1)</script>>`,
	"```<script>\nalert(1)\n```", "```\" onclick=alert(1) x=\"\nx\n```", "`<script>alert(1)</script>`", "    <script>alert(1)</script>", "~~<img src=x onerror=alert(1)>~~", "# <svg onload=alert(1)>", "> <script>alert(1)</script>", "- <script>alert(1)</script>",
	"<p>\n\n<script>alert(1)</script>\n\n</p>", "a <b\nonclick=alert(1)>", "\\<script>alert(1)</script>", "<me@e.com\"onclick=alert(1)>", "<mailto:me@e.com?\"onclick=alert(1)>", `[x](mailto:"onclick=alert(1)@e.com)`, "www.e.com/\"onclick=alert(1)",
}

func TestRender_AttacksStayText(t *testing.T) {
	t.Parallel()
	if len(attacks) < 150 {
		t.Fatalf("only %d attacks", len(attacks))
	}
	around := []string{"%s", "a %s b", "> %s", "- %s", "**%s**", "[%s](https://e.com)", "![%s](" + ref + ")", "![x](" + ref + ` "%s")`, "<p>%s</p>", `<a title="%s">x</a>`, "<pre>%s</pre>"}
	for _, attack := range attacks {
		for _, a := range around {
			for _, format := range []string{"markdown", "text", "html"} {
				checkSafe(t, format, strings.ReplaceAll(a, "%s", attack))
			}
		}
	}
}

func checkSafe(t *testing.T, format, in string) {
	t.Helper()
	markdown, err := markup.ToMarkdown(format, in)
	if err != nil {
		return
	}
	got, err := markup.Render(markdown, library)
	if err != nil {
		return
	}
	if err := unsafe(got.HTML); err != nil {
		t.Errorf("%s %q: %v in %s", format, in, err, got.HTML)
	}
	if again := markup.Sanitize(got.HTML); again != got.HTML {
		t.Errorf("%s %q: sanitised again:\n%s\n%s", format, in, got.HTML, again)
	}
}

func TestUnsafe_FindsWhatItLooksFor(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"<script>x</script>", "<p onclick=x>", "<a href=javascript:x>x</a>", "<a href=/x>x</a>", "<img src=//e.com/x>", "<svg></svg>", "<!-- x -->",
		"<figure data-embed-src=https://e.com/>", `<p style="x">`, `<a rel="opener" href="https://e.com">x</a>`,
	} {
		if unsafe(bad) == nil {
			t.Errorf("%s passed", bad)
		}
	}
}

func FuzzToMarkdownText(f *testing.F) {
	for _, seed := range slices.Concat(attacks, bombs, []string{"1. FC Koeln", "a\n===", "https://e.com/a_b.", "x\r\ny\rz", "a\u00a0b", "\u2003em"}) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if len(in) > liveblog.MaxBody/4 || !utf8.ValidString(in) || strings.ContainsFunc(in, isControl) {
			return
		}
		checkSafe(t, "text", in)
		markdown, err := markup.ToMarkdown("text", in)
		if err != nil {
			t.Fatal(err)
		}
		got, err := markup.Render(markdown, nil)
		if err == nil && !slices.Equal(strings.Fields(got.Text), strings.Fields(in)) {
			t.Errorf("%q became %q through %q: %s", in, got.Text, markdown, got.HTML)
		}
	})
}

// isControl finds what HTML cannot hold; posts with NUL are refused elsewhere.
func isControl(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r' }
