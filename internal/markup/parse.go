package markup

import (
	"fmt"
	"strings"

	"dateline/internal/liveblog"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/util"
)

// Limits of nesting. maxSteps bounds the work.
const (
	maxBlocks = 32  // block quotes and list items that a line may open
	maxDepth  = 100 // of the tree of nodes
)

// engine is CommonMark with strike-through and bare links, without raw HTML.
// It keeps no state between calls.
var engine = goldmark.New(
	goldmark.WithParser(newParser()),
	goldmark.WithRendererOptions(
		html.WithEastAsianLineBreaks(html.EastAsianLineBreaksCSS3Draft),
		renderer.WithNodeRenderers(
			util.Prioritized(figureRenderer{}, 100),
			util.Prioritized(extension.NewStrikethroughHTMLRenderer(), 500),
		),
	),
)

// webOnly excludes bare FTP URLs, which are no links.
var webOnly = extension.WithLinkifyAllowedProtocols([]string{"http:", "https:"})

// newParser returns a parser of CommonMark without raw HTML, which therefore shows as
// text.
func newParser() parser.Parser {
	return parser.NewParser(
		parser.WithBlockParsers(
			util.Prioritized(parser.NewSetextHeadingParser(), 100),
			util.Prioritized(parser.NewThematicBreakParser(), 200),
			util.Prioritized(parser.NewListParser(), 300),
			util.Prioritized(parser.NewListItemParser(), 400),
			util.Prioritized(parser.NewCodeBlockParser(), 500),
			util.Prioritized(parser.NewATXHeadingParser(), 600),
			util.Prioritized(parser.NewFencedCodeBlockParser(), 700),
			util.Prioritized(parser.NewBlockquoteParser(), 800),
			util.Prioritized(parser.NewParagraphParser(), 1000),
		),
		parser.WithInlineParsers(
			util.Prioritized(codeParser{parser.NewCodeSpanParser()}, 100),
			util.Prioritized(linkParser{parser.NewLinkParser()}, 200),
			util.Prioritized(parser.NewAutoLinkParser(), 300),
			util.Prioritized(emphasisParser{}, 500),
			util.Prioritized(bareParser{extension.NewLinkifyParser(webOnly)}, 999),
		),
		parser.WithParagraphTransformers(
			util.Prioritized(referenceTransformer{parser.LinkReferenceParagraphTransformer}, 100),
		),
	)
}

// validText replaces invalid UTF-8: goldmark panics on a line that ends within a
// character.
func validText(markdown string) []byte {
	return []byte(strings.ToValidUTF8(markdown, "\ufffd"))
}

// parse is ErrInvalid for texts that are too long or too deeply nested, and for those that
// take more than maxSteps.
func parse(source []byte) (ast.Node, error) {
	if len(source) > liveblog.MaxBody {
		return nil, invalid(fmt.Sprintf("must have at most %d bytes", liveblog.MaxBody))
	}
	if tooNested(string(source)) {
		return nil, invalid("is nested too deeply")
	}
	doc, _, err := parseWithin(source)
	if err != nil {
		return nil, err
	}
	if depth(doc) > maxDepth {
		return nil, invalid("is nested too deeply")
	}
	return doc, nil
}

// tooNested reports whether a line opens more than maxBlocks containers. A thematic break
// opens none, however long it is.
func tooNested(markdown string) bool {
	for line := range strings.Lines(markdown) {
		if containers(line) > maxBlocks && !isRule(line) {
			return true
		}
	}
	return false
}

// isRule reports whether line is a thematic break of '-' or '*'.
func isRule(line string) bool {
	line = strings.Trim(line, " \t\r\n")
	return line != "" && (line[0] == '-' || line[0] == '*') && strings.Trim(line, line[:1]+" \t") == ""
}

// containers counts the block quote and list markers a line begins with.
func containers(line string) int {
	n, digits := 0, false
	for i, c := range line {
		switch {
		case c == '>':
			n++
		case c >= '0' && c <= '9':
			digits = true
			continue
		case strings.ContainsRune("-+*", c) || digits && strings.ContainsRune(".)", c):
			if !spaceAt(line, i+1) {
				return n
			}
			n++
		case c != ' ' && c != '\t':
			return n
		}
		digits = false
	}
	return n
}

func spaceAt(line string, i int) bool {
	return i < len(line) && (line[i] == ' ' || line[i] == '\t')
}

// depth returns the number of nodes on the longest path down from n.
func depth(n ast.Node) int {
	deepest, level := 0, 0
	_ = ast.Walk(n, func(_ ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			level--
			return ast.WalkContinue, nil
		}
		level++
		deepest = max(deepest, level)
		return ast.WalkContinue, nil
	})
	return deepest
}
