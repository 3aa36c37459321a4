package markup_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"dateline/internal/liveblog"
	"dateline/internal/markup"

	"github.com/google/uuid"
)

// longest keeps each try short: what breaks a parser fits into it.
const longest = 400

// What the sanitiser leaves of any HTML is safe as a browser reads it, and the
// sanitiser has nothing more to take from it.
func FuzzSanitize(f *testing.F) {
	for _, seed := range attacks {
		f.Add(seed)
	}
	f.Add(`<figure class="image">` + img + "x" + imgEnd + `<figcaption>y <span class="credit">z</span></figcaption></figure>`)
	f.Fuzz(func(t *testing.T, in string) {
		if len(in) > longest {
			return
		}
		out := markup.Sanitize(in)
		if err := unsafe(out); err != nil {
			t.Errorf("%q: %v in %s", in, err, out)
		}
		if again := markup.Sanitize(out); again != out {
			t.Errorf("%q: sanitised again:\n%q\n%q", in, out, again)
		}
	})
}

// Markdown becomes HTML that is safe, the same each time, and that the sanitiser
// leaves alone; its pictures are those that were asked for.
func FuzzMarkdown(f *testing.F) {
	for _, seed := range append(slices.Concat(attacks, bombs), "# a\n\n- b\n\n![x]("+ref+")", "https://youtu.be/dQw4w9WgXcQ") {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if len(in) > longest {
			return
		}
		checkSafe(t, "markdown", in)
		shown := markup.Images(in)
		got, err := markup.Render(in, library)
		if err == nil && strings.Contains(got.HTML, "<img") != slices.Contains(shown, photoID) {
			t.Errorf("%q has the images %v and is %s", in, shown, got.HTML)
		}
	})
}

// A program's HTML becomes Markdown of the same kind: safe, and its words stay.
func FuzzHTML(f *testing.F) {
	for _, seed := range append(attacks, "<p>a <b>b</b><br>c</p><ul><li>d</ul>", "<h1>a</h1><pre>b\n c</pre>", "<ol start=3><li>x</ol>") {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if len(in) <= longest {
			checkSafe(t, "html", in)
		}
	})
}

// isOdd finds what neither HTML nor a line of text holds as it is.
func isOdd(r rune) bool {
	return unicode.IsControl(r) || unicode.IsSpace(r) && r != ' ' || r == utf8.RuneError || unicode.Is(unicode.Cf, r)
}

// A URL is framed only if it is the provider's own, and then from the provider's
// own address; any other is a link to where it says.
func FuzzEmbed(f *testing.F) {
	for _, seed := range []string{
		"https://www.youtube.com/watch?v=dQw4w9WgXcQ", "https://youtu.be/dQw4w9WgXcQ?t=3", "https://vimeo.com/123456", "https://x.com/a/status/123456", "https://www.instagram.com/p/abcdefg/",
		"https://bsky.app/profile/did:plc:abcdefghijklmnopqrstuvwx/post/abcdefghijklm", "https://www.tiktok.com/@a/video/123456", "https://youtube.com@e.com/watch?v=dQw4w9WgXcQ", "https://youtu.be.e.com/dQw4w9WgXcQ",
		"https://youtu.be:443/dQw4w9WgXcQ", "https://YOUTU.BE/dQw4w9WgXcQ", "https://youtu.be\\@e.com/dQw4w9WgXcQ", "https://e.com/?https://youtu.be/dQw4w9WgXcQ", "https://e.com#@youtu.be/dQw4w9WgXcQ", "https://youtu.be%2f@e.com/dQw4w9WgXcQ", "https://youtu.be/dQw4w9WgXc%51",
	} {
		f.Add(seed)
	}
	hosts := []string{"youtube.com", "youtu.be", "vimeo.com", "bsky.app", "x.com", "twitter.com", "instagram.com", "tiktok.com"}
	f.Fuzz(func(t *testing.T, address string) {
		got, err := markup.Render("<"+address+">", nil)
		if err != nil || len(address) > longest {
			return
		}
		if err := unsafe(got.HTML); err != nil {
			t.Fatalf("%q: %v", address, err)
		}
		if !strings.Contains(got.HTML, "data-embed-src") {
			return
		}
		u, err := url.Parse(address)
		if err != nil || u.User != nil || !slices.ContainsFunc(hosts, func(h string) bool { return u.Host == h || strings.HasSuffix(u.Host, "."+h) }) {
			t.Errorf("%q is framed: %s", address, got.HTML)
		}
	})
}

// The Markdown that the editors' page puts in for a picture shows that picture
// with its texts, whatever they are.
func FuzzReference(f *testing.F) {
	for _, seed := range []string{"", "the start", "a]b", "a[b", `a\`, `a\]`, "![x](y)", "a`b", `"quoted"`, "(x)", "&amp;", "<b>", "*a*", "https://e.com", "\\\"", "a  b", "]("} {
		f.Add(seed, "caption")
		f.Add("alt", seed)
	}
	f.Fuzz(func(t *testing.T, alt, caption string) {
		m := *photo
		m.Alt, m.Caption, m.Credit = alt, caption, ""
		m.Normalize()
		if len(alt)+len(caption) > longest || m.Validate() != nil || strings.ContainsFunc(alt+caption, isOdd) {
			return
		}
		text := markup.Reference(&m)
		got, err := markup.Render(text, map[uuid.UUID]*liveblog.Media{m.ID: &m})
		if err != nil {
			return // so many brackets are refused
		}
		want := strings.TrimSpace(m.Alt + "\n" + m.Caption)
		if got.Text != want || !strings.HasPrefix(got.HTML, `<figure class="image">`) {
			t.Errorf("%q shows as %q: %s, want %q", text, got.Text, got.HTML, want)
		}
	})
}
