package markup

import (
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/net/html"
)

// PlainText returns the text of sanitised HTML. An empty line separates blocks, "- " or a
// number marks list items, and an alternative text stands for its image.
func PlainText(source string) string {
	w := textWriter{}
	z := html.NewTokenizer(strings.NewReader(source))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return strings.TrimSpace(spaceAtEnd.ReplaceAllString(w.b.String(), "\n"))
		case html.TextToken:
			w.text(string(z.Text()))
		case html.StartTagToken, html.SelfClosingTagToken:
			w.start(z.Token())
		case html.EndTagToken:
			w.end(z.Token().Data)
		}
	}
}

var spaceAtEnd = regexp.MustCompile(`[ \t]+\n`)

// gaps are the line ends between an element and what surrounds it.
var gaps = map[string]string{
	"p": "\n\n", "h3": "\n\n", "h4": "\n\n", "ul": "\n\n", "ol": "\n\n", "blockquote": "\n\n", "pre": "\n\n",
	"figure": "\n\n", "hr": "\n\n", "li": "\n", "br": "\n", "figcaption": "\n",
}

// textWriter builds plain text. It writes a gap only when text follows.
type textWriter struct {
	b     strings.Builder
	gap   string
	fresh bool // nothing follows the mark of a list item yet
	pre   bool
	lists []int // number of the next item; 0 in a list without numbers
}

func (w *textWriter) start(t html.Token) {
	nested := t.Data == "ul" || t.Data == "ol"
	if nested && len(w.lists) > 0 {
		w.part("\n")
	} else {
		w.part(gaps[t.Data])
	}
	switch t.Data {
	case "ul":
		w.lists = append(w.lists, 0)
	case "ol":
		w.lists = append(w.lists, startOf(t))
	case "li":
		w.item()
	case "img":
		w.text(attribute(t, "alt"))
	case "pre":
		w.pre = true
	}
}

func (w *textWriter) end(name string) {
	w.fresh = false
	w.part(gaps[name])
	switch name {
	case "ul", "ol":
		if len(w.lists) > 0 {
			w.lists = w.lists[:len(w.lists)-1]
		}
	case "pre":
		w.pre = false
	}
}

// part requests a gap before the next text. The widest request counts.
func (w *textWriter) part(gap string) {
	if !w.fresh && len(gap) > len(w.gap) {
		w.gap = gap
	}
}

// item writes the mark of a list item.
func (w *textWriter) item() {
	if len(w.lists) == 0 {
		return
	}
	next := &w.lists[len(w.lists)-1]
	mark := "- "
	if *next > 0 {
		mark = strconv.Itoa(*next) + ". "
		*next++
	}
	w.write(strings.Repeat("  ", len(w.lists)-1) + mark)
	w.fresh = true
}

// text writes text. Outside of pre, it replaces line ends by spaces, as browsers do.
func (w *textWriter) text(s string) {
	if !w.pre {
		s = strings.ReplaceAll(s, "\n", " ")
		if w.fresh || w.gap != "" || w.b.Len() == 0 {
			s = strings.TrimLeft(s, " ")
		}
	}
	if s != "" {
		w.write(s)
	}
}

func (w *textWriter) write(s string) {
	if w.b.Len() > 0 {
		w.b.WriteString(w.gap)
	}
	w.gap, w.fresh = "", false
	w.b.WriteString(s)
}

func startOf(t html.Token) int {
	if n, err := strconv.Atoi(attribute(t, "start")); err == nil {
		return n
	}
	return 1
}

func attribute(t html.Token, name string) string {
	for _, a := range t.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
