package markup

import (
	"regexp"
	"strings"

	"golang.org/x/net/html"
)

// characterReference is what Markdown would take for one character, and would not
// show as it is written (CommonMark, section 2.5).
var characterReference = regexp.MustCompile(`&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]*);`)

// keepReferences makes what a page shows as "&amp;" show so again when it was
// Markdown meanwhile: in text and in the texts of images. Code is shown as it is.
func keepReferences(n *html.Node) {
	switch {
	case n.Type == html.TextNode:
		n.Data = escapeReferences(n.Data)
	case n.Data == "code" || n.Data == "pre":
		return
	case n.Data == "img":
		for i, a := range n.Attr {
			if a.Key == "alt" || a.Key == "title" {
				n.Attr[i].Val = escapeReferences(a.Val)
			}
		}
	}
	for child := range n.ChildNodes() {
		keepReferences(child)
	}
}

// escapeReferences leaves out URLs, which are links as they are.
func escapeReferences(text string) string {
	if !characterReference.MatchString(text) {
		return text
	}
	var b strings.Builder
	last := 0
	for _, m := range bareURL.FindAllStringIndex(text, -1) {
		b.WriteString(characterReference.ReplaceAllStringFunc(text[last:m[0]], escapeReference))
		b.WriteString(text[m[0]:m[1]])
		last = m[1]
	}
	b.WriteString(characterReference.ReplaceAllStringFunc(text[last:], escapeReference))
	return b.String()
}

func escapeReference(s string) string { return "&amp;" + s[1:] }
