package markup

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// plain is goldmark with its own parsers in the place of ours.
var plain = goldmark.New(
	goldmark.WithParser(parser.NewParser(
		parser.WithBlockParsers(withoutHTML(parser.DefaultBlockParsers(), 900)...),
		parser.WithInlineParsers(withoutHTML(parser.DefaultInlineParsers(), 400)...),
		parser.WithParagraphTransformers(parser.DefaultParagraphTransformers()...),
	)),
	goldmark.WithExtensions(extension.Strikethrough),
	goldmark.WithParserOptions(parser.WithInlineParsers(util.Prioritized(unboundedBare{extension.NewLinkifyParser(webOnly)}, 999))),
	goldmark.WithRendererOptions(html.WithEastAsianLineBreaks(html.EastAsianLineBreaksCSS3Draft)),
)

// unboundedBare is bareParser without its knowledge of where there is no address. URLs
// have a rule of their own, see TestURLEnd_OneRule.
type unboundedBare struct{ parser.InlineParser }

func (p unboundedBare) Parse(parent ast.Node, block text.Reader, pc parser.Context) ast.Node {
	line, segment := block.PeekLine()
	start := segment.Start
	if bytes.IndexByte([]byte(" *_~("), line[0]) >= 0 {
		line, start = line[1:], start+1
	}
	if !mayBeURL(line) || pc.IsInLinkLabel() {
		return p.InlineParser.Parse(parent, block, pc)
	}
	return bareURL(parent, block, line, start)
}

func withoutHTML(all []util.PrioritizedValue, priority int) []util.PrioritizedValue {
	var kept []util.PrioritizedValue
	for _, v := range all {
		if v.Priority != priority {
			kept = append(kept, v)
		}
	}
	return kept
}

// The parsers that are bounded read what goldmark's own read.
func TestParse_ReadsAsGoldmarkDoes(t *testing.T) {
	t.Parallel()
	pieces := []string{
		"*", "**", "***", "_", "__", "~", "~~", "~~~", "*", "_", "a", "b", "1", " ", " ", "\n", "\n\n", "[", "]", "(", ")", "![", "](", "](x)", "[a]: /b\n", "`", "``", "```", "\\", "<", ">",
		"http://a.b", "https://a.b/c_(d)", "www.a.b", "www.", "a@b.c", "a@b", "@", ".", "-", "- ", "1. ", "> ", "# ", "&amp;", "\"", "'", "(x 'y')", "<x y>", "!", "你", "é", "    ", "\t", ":", "//", ";",
	}
	random := rand.New(rand.NewPCG(20, 11))
	for range 60_000 {
		var b strings.Builder
		for range 1 + random.IntN(24) {
			b.WriteString(pieces[random.IntN(len(pieces))])
		}
		compare(t, b.String())
	}
}

func compare(t *testing.T, in string) {
	t.Helper()
	var want, got bytes.Buffer
	if err := plain.Convert([]byte(in), &want); err != nil {
		t.Fatal(err)
	}
	doc, _, err := parseWithin([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Renderer().Render(&got, []byte(in), doc); err != nil {
		t.Fatal(err)
	}
	if got.String() != want.String() {
		t.Errorf("%q\n got %q\nwant %q", in, got.String(), want.String())
	}
}
