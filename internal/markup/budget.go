package markup

import (
	"bytes"

	"dateline/internal/liveblog"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// maxSteps bounds the work of one parse. A step is about the work of looking at a byte or a
// node again, some 5 ns, so all of them take 25 ms. Ordinary texts of maximum length
// need a tenth. Work that grows with the square of the length ends here.
const maxSteps = 5_000_000

// lineSteps is the number of steps for each line and each block that is open there.
const lineSteps = 10

// budget counts the steps of one parse. The context of the parser holds it.
type budget struct{ spent int }

var budgetKey = parser.NewContextKey()

// overspent is the value of the panic by which spend ends a parse: goldmark's parsers
// cannot return an error.
type overspent struct{}

func (b *budget) spend(steps int) {
	if b.spent += steps; b.spent > maxSteps {
		panic(overspent{})
	}
}

func budgetOf(pc parser.Context) *budget { return pc.Get(budgetKey).(*budget) }

// parseWithin parses source, or is ErrInvalid after maxSteps. It returns the number of
// steps.
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

// meteredLines counts the work of the parsers of blocks: each open block looks at each line
// and at the white space at its start.
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

// meteredLink counts what the parser of links looks at; it may go back afterwards.
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

// referenceTransformer counts the work for link reference definitions: goldmark copies the
// lines of the paragraph for each of them.
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
