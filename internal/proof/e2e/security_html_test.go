package e2e

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"dateline/internal/markup"
	"dateline/internal/proof/browsertest"
	"dateline/internal/proof/pgtest"
)

// mark stands for the number of a vector in what it would run: alert(number).
const mark = "\u00a7"

// vectors are hostile texts for a post: everything known to run script, put
// together from its parts.
func vectors() (all []string) {
	for _, part := range [][]string{handlers(), addresses(), confusions(), markdownLinks(), encodedTags(), breakouts()} {
		all = append(all, part...)
	}
	for i, v := range all {
		all[i] = strings.ReplaceAll(v, mark, strconv.Itoa(i))
	}
	return all
}

// handlers are elements with attributes that run script when something happens.
func handlers() (all []string) {
	events := []string{"onerror", "onload", "onclick", "onmouseover", "onmouseenter", "onfocus", "onblur", "ontoggle", "onstart", "onbegin", "onanimationstart", "ontransitionend", "onpointerover", "onwheel", "onbeforematch", "onscrollend", "oncontentvisibilityautostatechange"}
	elements := []string{"img", "svg", "body", "p", "a", "b", "em", "div", "span", "input", "button", "select", "textarea", "keygen", "video", "audio", "source", "track", "iframe", "object", "embed", "details", "summary", "marquee", "form", "table", "td", "math", "animate", "set", "style", "link", "meta", "base", "figure", "figcaption", "blockquote", "pre", "code", "li", "dialog", "template", "custom-element", "image", "frameset"}
	shapes := []string{"<%s src=x %s=alert(" + mark + ")>", "<%s/%s=alert(" + mark + ") src=x autofocus tabindex=1 open>x", "<%s\n%s\n=\n'alert(" + mark + ")' style=animation-name:x href=x>", `<%s %s="alert(` + mark + `)" contenteditable data=x`}
	for i, e := range elements {
		for j := range 7 {
			event := events[(i*7+j)%len(events)]
			if j%3 == 2 {
				event = strings.ToUpper(event[:4]) + event[4:]
			}
			all = append(all, fmt.Sprintf(shapes[(i+j)%len(shapes)], e, event))
		}
	}
	return all
}

// schemes are addresses that run script, or pretend not to.
func schemes() []string {
	return []string{
		"javascript:alert(" + mark + ")", "JaVaScRiPt:alert(" + mark + ")", " javascript:alert(" + mark + ")", "\x01javascript:alert(" + mark + ")", "java\tscript:alert(" + mark + ")", "java\nscript:alert(" + mark + ")",
		"&#106;avascript:alert(" + mark + ")", "&#x6A&#x61vascript:alert(" + mark + ")", "javascript&colon;alert(" + mark + ")", "java&Tab;script&colon;alert(" + mark + ")", "javascript&#58;alert(" + mark + ")", "javascript&#0000058alert(" + mark + ")",
		"javascript://e.com/%0aalert(" + mark + ")", "javascript:/*http://e.com*/alert(" + mark + ")", "javascript\\:alert(" + mark + ")", "javascript%3aalert(" + mark + ")", "\u2028javascript:alert(" + mark + ")", "j\u0430vascript:alert(" + mark + ")",
		"data:text/html,<script>alert(" + mark + ")</script>", "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==", "data:image/svg+xml,<svg onload=alert(" + mark + ")>", "vbscript:alert(" + mark + ")", "blob:null/x", "feed:javascript:alert(" + mark + ")", "view-source:javascript:alert(" + mark + ")",
	}
}

// addresses are attributes that a browser loads or follows.
func addresses() (all []string) {
	for _, shape := range []string{
		`<a href="%s">x</a>`, `<a href='%s' target=_top>x</a>`, `<a xlink:href="%s">x</a>`, `<area href="%s">`, `<iframe src="%s"></iframe>`, `<embed src="%s">`, `<object data="%s"></object>`, `<form action="%s"><input type=submit autofocus></form>`,
		`<button formaction="%s">x</button>`, `<input type=image src="%s" formaction="%s">`, `<img src="%s">`, `<img srcset="%s 1x">`, `<link rel=stylesheet href="%s">`, `<base href="%s">`, `<meta http-equiv=refresh content="0;url=%s">`,
		`<svg><a xlink:href="%s"><text>x</text></a></svg>`, `<svg><use href="%s"></use></svg>`, `<svg><animate attributeName=href values="%s"></svg>`, `<video poster="%s"></video>`, `<audio src="%s"></audio>`, `<body background="%s">`,
		`<math href="%s">x</math>`, `<script src="%s"></script>`, `<p style="background:url('%s')">x</p>`, `<figure class="embed" data-embed-src="%s" data-embed-provider="YouTube">x</figure>`,
	} {
		for _, s := range schemes() {
			all = append(all, strings.ReplaceAll(shape, "%s", s))
		}
	}
	return all
}

// confusions end an element where the sanitiser would not, and the browser does.
func confusions() (all []string) {
	payloads := []string{"<img src=x onerror=alert(" + mark + ")>", "<script>alert(" + mark + ")</script>", "<svg onload=alert(" + mark + ")>"}
	for _, e := range []string{"svg", "math", "style", "title", "textarea", "noscript", "xmp", "template", "select", "table", "iframe", "noembed", "noframes", "plaintext", "script", "mtext", "annotation-xml", "foreignObject", "desc", "mglyph", "option", "p", "a", "listing"} {
		for _, p := range payloads {
			all = append(all,
				"<"+e+">"+p, "<"+e+"></"+e+">"+p, "<"+e+"><p title=\"</"+e+">"+p+"\">", "<svg><"+e+">"+p+"</svg>", "<math><mtext><table><mglyph><"+e+"><!--</"+e+">"+p+"-->",
			)
		}
	}
	for _, p := range payloads {
		all = append(all, "<!-->"+p+"-->", "<!--->"+p, "<!-- --!>"+p+"-->", "<![CDATA["+p+"]]>", "<svg><![CDATA["+p+"]]></svg>", "<?xml "+p+"?>", "<!DOCTYPE x "+p+">", "</x "+p+">", "<a<b"+p, "<"+p+">", "<scr<script>ipt>"+p, "\x00<"+p[1:], "<\x00"+p[1:])
	}
	return all
}

// markdownLinks are links and images as Markdown writes them.
func markdownLinks() (all []string) {
	for _, shape := range []string{"[x](%s)", "[x](<%s>)", "![x](%s)", "[x][y]\n\n[y]: %s", "[y]\n\n[y]: <%s> 't'", "<%s>", "[![x](%s)](%s)", `[x](https://e.com "%s")`, "%s", "> - [x](%s)", "~~**[x](%s)**~~", "\\[x](%s)"} {
		for _, s := range schemes() {
			all = append(all, strings.ReplaceAll(shape, "%s", s))
		}
	}
	return all
}

// encodedTags are a tag that something decodes once too often.
func encodedTags() (all []string) {
	for _, tag := range []string{"<img src=x onerror=alert(" + mark + ")>", "<script>alert(" + mark + ")</script>"} {
		decimal, hex := "", ""
		for _, r := range tag {
			decimal += fmt.Sprintf("&#%d;", r)
			hex += fmt.Sprintf("&#x%X", r)
		}
		escaped := html.EscapeString(tag)
		for _, form := range []string{escaped, html.EscapeString(escaped), decimal, hex, url.QueryEscape(tag), url.QueryEscape(url.QueryEscape(tag)), strings.NewReplacer("<", "+ADw-", ">", "+AD4-").Replace(tag),
			strings.NewReplacer("<", "\uff1c", ">", "\uff1e").Replace(tag), strings.NewReplacer("<", `\u003c`, ">", `\u003e`).Replace(tag), strings.NewReplacer("<", `\x3c`, ">", `\x3e`).Replace(tag), strings.ReplaceAll(tag, "<", "\u02c2"), strings.ReplaceAll(tag, "<", "&lt")} {
			for _, around := range []string{"%s", "`%s`", "```\n%s\n```", `[%s](https://e.com)`, `<a title="%s" href=https://e.com>x</a>`, "<textarea>%s</textarea>", "<pre><code>%s</code></pre>", "<p>%s</p>"} {
				all = append(all, strings.ReplaceAll(around, "%s", form))
			}
		}
	}
	return all
}

// breakouts leave an attribute of an element that is allowed.
func breakouts() (all []string) {
	for _, quote := range []string{`"`, "'", "`", "&quot;", "&#34;", "&#x22;", `\"`, "%22", "\u201c", "\x00\"", `"/`, "\" \n"} {
		for _, shape := range []string{`[x](https://e.com/%[1]sonmouseover=alert(§)//)`, `[x](https://e.com %[1]s onmouseover=alert(§) %[1]s)`, `<https://e.com/%[1]sonmouseover=alert(§)>`, `https://e.com/%[1]sonmouseover=alert(§)`,
			`<a href="https://e.com/%[1]s onmouseover=alert(§) x=%[1]s">x</a>`, `https://www.youtube.com/watch?v=dQw4w9WgXcQ%[1]sonclick=alert(§)`, `<https://youtu.be/dQw4w9WgXcQ?%[1]s onclick=alert(§)>`, "```%[1]s onclick=alert(§)\nx\n```", `<me@e.com%[1]sonclick=alert(§)>`, `<ol start="1%[1]sonclick=alert(§)"><li>x</ol>`} {
			all = append(all, strings.ReplaceAll(shape, "%[1]s", quote))
		}
	}
	return all
}

// watchScript keeps what runs, and what the content security policy had to stop.
const watchScript = `
	window.executed = []; window.violations = []
	for (const f of ['alert', 'confirm', 'prompt', 'print']) window[f] = x => { executed.push(String(x)) }
	document.addEventListener('securitypolicyviolation', e => violations.push(e.violatedDirective + ' ' + e.blockedURI + ' ' + e.sample))`

// touchAll does to each element what a reader may, but goes nowhere.
const touchAll = `(() => {
	document.addEventListener('click', e => e.preventDefault(), true)
	const all = [...document.querySelectorAll('.post-body, .post-body *, h2')]
	for (const e of all) for (const kind of ['mouseover', 'mouseenter', 'pointerover', 'focus', 'blur', 'click', 'wheel', 'error', 'load', 'toggle', 'animationstart']) e.dispatchEvent(new Event(kind, {bubbles: true, cancelable: true}))
	return all.length
})()`

// badLinks are addresses that a click would run.
const badLinks = `[...document.querySelectorAll('.post-body a, .post-body [href], .post-body [src], .post-body [data-embed-src]')].map(e => e.href || e.src || e.dataset.embedSrc)
	.filter(u => !/^(https?|mailto):/.test(u))`

// TestE2E_SecurityHostileHTML looks at every vector in a browser, as Markdown and
// as HTML: each alone in a page of the test without any policy that could save
// us, and ten to a post in the page that follows live, in pages as the server
// sends them, and on the editors' desk.
func TestE2E_SecurityHostileHTML(t *testing.T) {
	t.Parallel()
	checkBare(t)
	dsn := pgtest.DSN(t)
	node := startProcess(t, dsn, "--admin-email="+adminEmail, "--admin-password="+adminPassword)
	r := newRobot(t, dsn)
	r.newBlog(t, node.url, "hostile")
	p := hostilePage(t, node.url+"/b/hostile")
	p.Wait(`document.querySelector('.badge')?.textContent === 'Live'`)
	published := publishVectors(t, r, node.url)
	p.Wait(fmt.Sprintf(`+document.querySelector('main').dataset.lastSeq === %d`, published))
	p.Click(".pill")
	checkPage(t, "the live page", p)
	for _, path := range []string{"/b/hostile", "/b/hostile?order=oldest"} {
		p.Open(node.url + path)
		checkPage(t, path, p)
	}
	checkDesk(t, node.url)
	node.noPanic()
	t.Logf("%d vectors, in %d posts", len(vectors()), published)
}

func hostilePage(t *testing.T, address string) *browsertest.Page {
	p := browsertest.New(t)
	p.Before(watchScript)
	p.Open(address)
	return p
}

// publishVectors counts the posts that the API takes; a few vectors are no text.
func publishVectors(t *testing.T, r *robot, node string) (published int) {
	t.Helper()
	all := vectors()
	for i := 0; i < len(all); i += 10 {
		for _, format := range []string{"markdown", "html"} {
			title := strings.ReplaceAll(all[i], "\x00", "")
			body := map[string]any{"title": cutTo(title, 200), "byline": cutTo(title, 60), "body": strings.Join(all[i:min(i+10, len(all))], "\n\n"), "format": format}
			a, err := r.call(t.Context(), http.MethodPost, node+"/api/v1/blogs/hostile/posts", body)
			if err != nil || a.status != http.StatusCreated && a.status != http.StatusUnprocessableEntity {
				t.Fatalf("%q: %d %s %v", all[i], a.status, a.body, err)
			}
			if a.status == http.StatusCreated {
				published++
			}
		}
	}
	if published < len(all)/10*2*9/10 {
		t.Errorf("only %d posts were taken", published)
	}
	return published
}

func cutTo(s string, runes int) string {
	all := []rune(s)
	return string(all[:min(len(all), runes)])
}

func checkPage(t *testing.T, name string, p *browsertest.Page) {
	t.Helper()
	touched := browsertest.Eval[int](p, touchAll)
	ran := browsertest.Eval[[]string](p, "executed")
	stopped := browsertest.Eval[[]string](p, "violations")
	links := browsertest.Eval[[]string](p, badLinks)
	if len(ran)+len(stopped)+len(links) > 0 || touched == 0 {
		t.Errorf("%s: ran %q, stopped by the policy %q, addresses %q, of %d elements", name, ran, stopped, links, touched)
	}
	t.Logf("%s: %d elements touched", name, touched)
}

// checkBare shows the HTML of each vector as the reader's page does, and forbids
// nothing. No article may swallow the next, and none may load anything.
func checkBare(t *testing.T) {
	t.Helper()
	var out strings.Builder
	out.WriteString("<!DOCTYPE html><meta charset=utf-8><link rel=icon href=data:,><title>bare</title><body>")
	articles := 0
	for _, v := range vectors() {
		for _, format := range []string{"markdown", "html", "text"} {
			markdown, err := markup.ToMarkdown(format, v)
			if err != nil {
				continue
			}
			if rendered, err := markup.Render(markdown, nil); err == nil {
				articles++
				out.WriteString(`<article><div class="post-body">` + rendered.HTML + "</div></article>")
			}
		}
	}
	bare := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(typeField, "text/html; charset=utf-8")
		_, _ = io.WriteString(w, out.String()) // the browser says if it got it
	}))
	defer bare.Close()
	p := hostilePage(t, bare.URL)
	checkPage(t, "a page without a policy", p)
	if n := browsertest.Eval[int](p, `document.querySelectorAll('body > article').length`); n != articles || n < 3*1000 {
		t.Errorf("%d posts make %d articles", articles, n)
	}
	if loaded := browsertest.Eval[[]string](p, `performance.getEntriesByType('resource').map(e => e.name)`); len(loaded) > 0 {
		t.Errorf("the posts load %q", loaded)
	}
}

// checkDesk looks at the posts as an editor does.
func checkDesk(t *testing.T, node string) {
	t.Helper()
	p := browsertest.New(t)
	p.Expect("status of 401") // the page asks whether it is signed in
	p.Before(watchScript)
	p.Open(node + "/livez")
	signIn := fmt.Sprintf(`fetch('/api/v1/session', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({email: %q, password: %q})}).then(r => r.status)`, adminEmail, adminPassword)
	if status := browsertest.Eval[int](p, signIn); status != http.StatusOK {
		t.Fatalf("sign in: %d", status)
	}
	p.Open(node + "/admin/#/blogs/hostile")
	p.Wait(`document.querySelectorAll('[data-testid="post"]').length > 10`)
	if ran := browsertest.Eval[[]string](p, "[...executed, ...violations, ...document.querySelectorAll('[data-testid=post] [onerror], [data-testid=post] script, [data-testid=post] iframe')].map(String)"); len(ran) > 0 {
		t.Errorf("the desk ran or stopped %q", ran)
	}
}
