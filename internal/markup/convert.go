package markup

import (
	"fmt"
	"regexp"
	"strings"

	"dateline/internal/liveblog"

	"github.com/JohannesKaufmann/html-to-markdown/v2/converter"
	"github.com/JohannesKaufmann/html-to-markdown/v2/plugin/base"
	"github.com/JohannesKaufmann/html-to-markdown/v2/plugin/commonmark"
	"github.com/JohannesKaufmann/html-to-markdown/v2/plugin/strikethrough"
	"golang.org/x/net/html"
)

// ToMarkdown converts the body of a request to Markdown. format is "markdown" or "", which
// need no conversion; "text", in which no character has a special meaning; or "html",
// which is sanitised first. Another format, and a body that cannot be converted, are
// ErrInvalid.
func ToMarkdown(format, body string) (string, error) {
	switch format {
	case "", "markdown":
		return body, nil
	case "text":
		return fromText(body), nil
	case "html":
		return fromHTML(body)
	}
	return "", &liveblog.Problem{
		Err: liveblog.ErrInvalid, Code: "invalid", Detail: "some fields are not valid",
		Fields: []liveblog.FieldError{{Location: "body.format", Message: "must be markdown, text or html"}},
	}
}

// maxHTML bounds the HTML of a request, in bytes. It exceeds the limit of the Markdown,
// which is shorter.
const maxHTML = 4 * liveblog.MaxBody

func fromHTML(body string) (string, error) {
	if len(body) > maxHTML {
		return "", invalid(fmt.Sprintf("must have at most %d bytes of HTML", maxHTML))
	}
	doc, err := html.Parse(strings.NewReader(sourcePolicy.Sanitize(body)))
	if err != nil {
		return "", invalid("is not HTML that can be converted")
	}
	if treeSteps(doc, outside, 0) > maxTreeSteps {
		return "", tooComplex()
	}
	c := converter.NewConverter(converter.WithPlugins(
		base.NewBasePlugin(), commonmark.NewCommonmarkPlugin(), strikethrough.NewStrikethroughPlugin()))
	c.Register.PreRenderer(func(_ converter.Context, doc *html.Node) { keepReferences(doc) }, converter.PriorityStandard)
	c.Register.UnEscaper(escapeBracket, converter.PriorityEarly)
	out, err := c.ConvertNode(doc)
	if err != nil {
		return "", invalid("is not HTML that can be converted")
	}
	return string(out), nil
}

// escapeBracket escapes every opening bracket. The converter's own rule searches the rest
// of the line for each of them.
func escapeBracket(chars []byte, i int) int {
	if chars[i] == '[' {
		return 1
	}
	return -1
}

// maxTreeSteps bounds the work of converting HTML. A step is about one byte of text that is
// copied or looked at.
const maxTreeSteps = 2_000_000

// outside is the depth of the document's root, so that what is in "body" has depth 0: the
// parser adds "html", "head" and "body".
const outside = -3

// nodeSteps is the number of steps for a node without its text.
const nodeSteps = 32

// treeSteps estimates the steps of converting n. Each element copies its content, and each
// quote and list item changes each of its lines.
func treeSteps(n *html.Node, depth, indents int) int {
	lines := 1 + strings.Count(n.Data, "\n")
	steps := (nodeSteps+len(n.Data))*max(1, 1+depth) + lines*indents*indents
	if n.Type == html.ElementNode {
		depth++
		if n.Data == "blockquote" || n.Data == "li" {
			indents++
		}
	}
	for c := range n.ChildNodes() {
		steps += treeSteps(c, depth, indents)
	}
	return steps
}

// fromText escapes all that has a meaning in Markdown. Line ends become hard breaks; URLs
// become links.
func fromText(body string) string {
	var out []string
	paragraph := []string{}
	flush := func() {
		if len(paragraph) > 0 {
			out = append(out, strings.Join(paragraph, "\\\n"))
			paragraph = nil
		}
	}
	for line := range strings.Lines(lineEnds.ReplaceAllString(body, "\n")) {
		line = strings.TrimSpace(line)
		if line == "" {
			flush()
			continue
		}
		paragraph = append(paragraph, escapeLine(line))
	}
	flush()
	return strings.Join(out, "\n\n")
}

var (
	lineEnds = regexp.MustCompile(`\r\n?`)
	// lineStart matches what begins a heading, a quote, a list item, a thematic break or the
	// underline of a heading.
	lineStart = regexp.MustCompile(`^(?:[#>+=-]|\d{1,9}[.)])`)
	// needsEscape matches what has a meaning anywhere in a line: marks, character
	// references, and what the parser reads as a link.
	needsEscape = regexp.MustCompile("[\\\\`*_\\[<~@]|&[#A-Za-z]|(?i:www)\\.|(?i:https?):")
)

// escapeLine puts URLs into angle brackets, where nothing needs escapes, and escapes the
// rest.
func escapeLine(line string) string {
	var b strings.Builder
	last := 0
	for start, end := range bareURLs(line) {
		b.WriteString(escapeInline(line[last:start]))
		b.WriteString("<" + line[start:end] + ">")
		last = end
	}
	b.WriteString(escapeInline(line[last:]))
	escaped := b.String()
	if m := lineStart.FindString(escaped); m != "" {
		escaped = m[:len(m)-1] + `\` + m[len(m)-1:] + escaped[len(m):]
	}
	return escaped
}

// escapeInline puts a backslash before the punctuation of each match.
func escapeInline(s string) string {
	return needsEscape.ReplaceAllStringFunc(s, func(m string) string {
		if m[0] == '&' {
			return `\` + m
		}
		return m[:len(m)-1] + `\` + m[len(m)-1:]
	})
}
