package liveblog

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// A slug stands in URLs, file names and keys as it is, and is not taken for
// anything else there.
func FuzzSlug(f *testing.F) {
	for _, s := range []string{"cup-final", "a-b", "ab", "-ab", "ab-", "a--b", "Abc", "a_b", "admin", "..", "a/b", "a%2fb", "a\n", "abc\n", "\u0430bc", strings.Repeat("a", 65), "123"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		valid := len(s) >= 3 && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" &&
			!strings.HasPrefix(s, "-") && !strings.HasSuffix(s, "-") && !strings.Contains(s, "--") && !reservedSlugs[s]
		if ValidSlug(s) != valid {
			t.Errorf("%q is a slug: %v", s, !valid)
		}
		if valid && (url.PathEscape(s) != s || strings.ToLower(s) != s) {
			t.Errorf("%q changes in a URL", s)
		}
	})
}

// What a post is stored as stays as it is when it is stored again, and is text
// that the database and every reader can hold.
func FuzzPost(f *testing.F) {
	for _, s := range []string{"Goal!", " a  b ", "##a", "# a", "a\u200fb", "a \u200f b", "\u202eevil", "#\u200f#x", "\u200f#a", "\u0130", "a\x00b", "a\xffb", "a\r\n\rb", "\u2028", "\ufeffa", "a\u0085b", "\u1680", "ǅ", "ﬀ"} {
		f.Add(s, s, s, s, "\n"+s+" \n")
	}
	f.Add("Goal!", "Ann", "a\x00b", "", "")
	f.Fuzz(func(t *testing.T, title, byline, tag, externalID, body string) {
		p := Post{Title: title, Byline: byline, Tags: []string{tag, "x"}, ExternalID: externalID, Body: body}
		p.Normalize()
		again := p
		if again.Normalize(); !equalTexts(&p, &again) {
			t.Errorf("%q becomes %q", texts(&p), texts(&again))
		}
		if p.Validate() != nil {
			return
		}
		for _, s := range texts(&p) {
			if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
				t.Errorf("%q can't be stored", s)
			}
		}
		for _, s := range append([]string{p.Title, p.Byline}, p.Tags...) {
			if strings.ContainsFunc(s, unicode.IsControl) || strings.TrimSpace(s) != s {
				t.Errorf("%q is not one line", s)
			}
		}
		if strings.ContainsFunc(p.Byline+strings.Join(p.Tags, ""), func(r rune) bool { return unicode.Is(unicode.Bidi_Control, r) }) {
			t.Errorf("%q can show as another", texts(&p))
		}
	})
}

func texts(p *Post) []string {
	return append([]string{p.Title, p.Byline, p.ExternalID, p.Body}, p.Tags...)
}

func equalTexts(a, b *Post) bool { return slices.Equal(texts(a), texts(b)) }
