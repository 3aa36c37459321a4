package markup

import (
	"bytes"

	"dateline/internal/liveblog"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// maxSteps bounds the work of one parse. A step is about as much as looking at
// a byte or a node again, some 5 ns: what needs all of them takes 25 ms. Ordinary
// texts of the greatest length need a tenth; what grows with the square of a
// text's length ends here.
const maxSteps = 5_000_000

// lineSteps is what it takes to look at a line for one of the blocks that are
// open at it.
const lineSteps = 10

// budget counts the steps of one parse. It is in the parser's context.
type budget struct{ spent int }

var budgetKey = parser.NewContextKey()

// overspent is what spend panics with: the parser has no other way out.
type overspent struct{}

func (b *budget) spend(steps int) {
	if b.spent += steps; b.spent > maxSteps {
		panic(overspent{})
	}
}

func budgetOf(pc parser.Context) *budget { return pc.Get(budgetKey).(*budget) }

// parseWithin parses source, or gives up when the steps are used up. It tells
// how many were needed.
func parseWithin(source []byte) (doc ast.Node, steps int, err error) {
	b := &budget{}
	defer func() {
		steps = b.spent
		if r := recover(); r != nil {
			if _, ours := r.(overspent); !ours {
				panic(r)
			}
			doc, err = nil, tooComplex()
		}
	}()
	pc := parser.NewContext()
	pc.Set(budgetKey, b)
	return engine.Parser().Parse(&meteredLines{text.NewReader(source), b}, parser.WithContext(pc)), 0, nil
}

func tooComplex() error {
	const message = "takes too long to convert: use fewer levels of lists and quotes, and fewer brackets in a paragraph, or make two posts of it"
	return &liveblog.Problem{Err: liveblog.ErrInvalid, Code: "too_complex", Detail: "the text is too complex",
		Fields: []liveblog.FieldError{{Location: "body.body", Message: message}}}
}

// meteredLines counts what the parsers of blocks do: each that is open looks at
// each line, and at the space it begins with.
type meteredLines struct {
	text.Reader
	budget *budget
}

// PeekLine is part of text.Reader.
func (r *meteredLines) PeekLine() ([]byte, text.Segment) {
	line, segment := r.Reader.PeekLine()
	blank := 0
	for blank < len(line) && (line[blank] == ' ' || line[blank] == '\t') {
		blank++
	}
	r.budget.spend(lineSteps + blank)
	return line, segment
}

// LineOffset is part of text.Reader.
func (r *meteredLines) LineOffset() int {
	offset := r.Reader.LineOffset()
	r.budget.spend(1 + max(offset, 0))
	return offset
}

// meteredLink counts what the parser of links looks at and may leave again.
type meteredLink struct {
	text.Reader
	budget *budget
}

// Advance is part of text.Reader.
func (r *meteredLink) Advance(n int) {
	r.budget.spend(n)
	r.Reader.Advance(n)
}

// FindClosure is part of text.Reader.
func (r *meteredLink) FindClosure(opener, closer byte, options text.FindClosureOptions) (*text.Segments, bool) {
	line, from := r.PeekLine()
	found, ok := r.Reader.FindClosure(opener, closer, options)
	_, to := r.Position()
	if !ok && to.Start == from.Start {
		r.budget.spend(len(line))
	}
	r.budget.spend(max(to.Start-from.Start, 0))
	return found, ok
}

// referenceTransformer bounds what link definitions take: the lines of their
// paragraph, for each of them.
type referenceTransformer struct{ parser.ParagraphTransformer }

// Transform is part of parser.ParagraphTransformer.
func (t referenceTransformer) Transform(p *ast.Paragraph, reader text.Reader, pc parser.Context) {
	source, lines, definitions := reader.Source(), p.Lines(), 0
	if lines.Len() == 0 {
		return
	}
	if first := lines.At(0); bytes.HasPrefix(bytes.TrimLeft(first.Value(source), " "), []byte("[")) {
		for i := range lines.Len() {
			line := lines.At(i)
			definitions += bytes.Count(source[line.Start:line.Stop], []byte("]:"))
		}
	}
	budgetOf(pc).spend(definitions * lines.Len() / 2)
	t.ParagraphTransformer.Transform(p, reader, pc)
}
