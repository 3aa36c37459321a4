package markup

import (
	"regexp"
	"strings"

	"golang.org/x/net/html"
)

// characterReference matches what Markdown reads as one character, and so does not show
// as it is written (CommonMark, section 2.5).
var characterReference = regexp.MustCompile(`&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]*);`)

// keepReferences escapes character references in text and in the texts of images, so that
// what an HTML page shows as "&amp;" is shown so after the conversion to Markdown. Code
// needs no escapes.
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

// escapeReferences escapes character references outside of bare URLs.
func escapeReferences(text string) string {
	if !characterReference.MatchString(text) {
		return text
	}
	var b strings.Builder
	last := 0
	for start, end := range bareURLs(text) {
		b.WriteString(characterReference.ReplaceAllStringFunc(text[last:start], escapeReference))
		b.WriteString(text[start:end])
		last = end
	}
	b.WriteString(characterReference.ReplaceAllStringFunc(text[last:], escapeReference))
	return b.String()
}

func escapeReference(s string) string { return "&amp;" + s[1:] }
