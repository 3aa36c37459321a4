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
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// Limits that keep the parser fast: it needs quadratic time for deep nesting.
const (
	maxBlocks   = 32  // containers a line may open: '>' and list markers
	maxBrackets = 500 // '[' in one paragraph
	maxDepth    = 100 // of the tree
)

// engine is CommonMark with strike-through and bare links, without raw HTML.
// It keeps no state between calls.
var engine = goldmark.New(
	goldmark.WithParser(newParser()),
	goldmark.WithExtensions(
		extension.Strikethrough,
		extension.NewLinkify(extension.WithLinkifyAllowedProtocols([]string{"http:", "https:"})),
	),
	goldmark.WithRendererOptions(
		html.WithEastAsianLineBreaks(html.EastAsianLineBreaksCSS3Draft),
		renderer.WithNodeRenderers(util.Prioritized(figureRenderer{}, 100)),
	),
)

// newParser has all of CommonMark but the two parsers for raw HTML, which is
// therefore shown as the text it is.
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
			util.Prioritized(parser.NewCodeSpanParser(), 100),
			util.Prioritized(parser.NewLinkParser(), 200),
			util.Prioritized(parser.NewAutoLinkParser(), 300),
			util.Prioritized(parser.NewEmphasisParser(), 500),
		),
		parser.WithParagraphTransformers(parser.DefaultParagraphTransformers()...),
	)
}

// validText is the source that parse takes: goldmark panics at a line that ends
// in the middle of a character.
func validText(markdown string) []byte {
	return []byte(strings.ToValidUTF8(markdown, "\ufffd"))
}

// parse refuses what would take long before it parses.
func parse(source []byte) (ast.Node, error) {
	if len(source) > liveblog.MaxBody {
		return nil, invalid(fmt.Sprintf("must have at most %d bytes", liveblog.MaxBody))
	}
	if tooNested(string(source)) {
		return nil, invalid("is nested too deeply")
	}
	doc := engine.Parser().Parse(text.NewReader(source))
	if depth(doc) > maxDepth {
		return nil, invalid("is nested too deeply")
	}
	return doc, nil
}

// tooNested looks for lines that open very many containers, and for
// paragraphs with very many brackets.
func tooNested(markdown string) bool {
	brackets := 0
	for line := range strings.Lines(markdown) {
		if containers(line) > maxBlocks {
			return true
		}
		if strings.TrimSpace(line) == "" {
			brackets = 0
		}
		if brackets += strings.Count(line, "["); brackets > maxBrackets {
			return true
		}
	}
	return false
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

// depth is how many nodes the deepest path from n has.
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
