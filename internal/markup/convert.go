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

// ToMarkdown converts a body as a client sends it. format is "markdown" (also
// when empty), "text", whose every character stays what it is, or "html",
// which is sanitised first. Another format, or a body that cannot be
// converted, is ErrInvalid.
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

// maxHTML bounds the HTML a client may send: markup takes more room than text.
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

// escapeBracket spares the converter to look for the end of each bracket's line.
func escapeBracket(chars []byte, i int) int {
	if chars[i] == '[' {
		return 1
	}
	return -1
}

// maxTreeSteps bounds the work of the conversion of HTML: a step is about a byte of
// text that is copied or looked at.
const maxTreeSteps = 2_000_000

// outside is where the depth of a document begins: "html" and "body" are of the
// parser's making.
const outside = -3

// nodeSteps is what a node takes beside its text.
const nodeSteps = 32

// treeSteps estimates what the conversion of n takes. Each element copies what is
// in it, and each quote and list item does something to each of its lines.
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

// fromText escapes what Markdown would take for markup. Line ends stay, as
// hard breaks; URLs stay links.
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
	// lineStart is what begins a heading, a quote, a list item, a rule or an underline.
	lineStart = regexp.MustCompile(`^(?:[#>+=-]|\d{1,9}[.)])`)
	// needsEscape is what means something anywhere in a line: marks, entities,
	// and what the parser would take for a link.
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
