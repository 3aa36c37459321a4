package markup

import (
	"github.com/yuin/goldmark/ast"
	extension "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// emphasisParser reads emphasis and strike-through as goldmark's own parsers do,
// in time that grows with the text only: those look for the opener of each closer
// among all that came before.
type emphasisParser struct{}

// runsKey is of the runs of delimiters that the block has so far.
var runsKey = parser.NewContextKey()

type runs struct{ found []*parser.Delimiter }

func runsOf(pc parser.Context) *runs {
	return pc.ComputeIfAbsent(runsKey, func() any { return &runs{} }).(*runs)
}

// Trigger is part of parser.InlineParser.
func (emphasisParser) Trigger() []byte { return []byte{'*', '_', '~'} }

// Parse is part of parser.InlineParser. A run gets its meaning when the block is
// complete.
func (emphasisParser) Parse(_ ast.Node, block text.Reader, pc parser.Context) ast.Node {
	before := block.PrecendingCharacter()
	line, segment := block.PeekLine()
	run := parser.ScanDelimiter(line, before, 1, marks{})
	if run == nil || run.Char == '~' && (run.OriginalLength > 2 || before == '~') {
		return nil
	}
	run.Segment = segment.WithStop(segment.Start + run.OriginalLength)
	block.Advance(run.OriginalLength)
	all := runsOf(pc)
	all.found = append(all.found, run)
	return run
}

// marks tells goldmark which characters make a run.
type marks struct{}

// IsDelimiter is part of parser.DelimiterProcessor.
func (marks) IsDelimiter(c byte) bool { return c == '*' || c == '_' || c == '~' }

// CanOpenCloser is part of parser.DelimiterProcessor.
func (marks) CanOpenCloser(opener, closer *parser.Delimiter) bool { return opener.Char == closer.Char }

// OnMatch is part of parser.DelimiterProcessor.
func (marks) OnMatch(consumed int) ast.Node { return ast.NewEmphasis(consumed) }

// CloseBlock is part of parser.CloseBlocker. Runs match those beside them: what is
// in a link has been taken into it by now.
func (emphasisParser) CloseBlock(_ ast.Node, _ text.Reader, pc parser.Context) {
	all := runsOf(pc)
	groups := map[ast.Node][]*parser.Delimiter{}
	for _, run := range all.found {
		groups[run.Parent()] = append(groups[run.Parent()], run)
	}
	all.found = all.found[:0]
	for _, group := range groups {
		match(group)
	}
}

// match makes pairs of the runs that belong together (CommonMark, appendix
// "Phase 2: inline structure", process emphasis). What is left of them is text.
func match(group []*parser.Delimiter) {
	for i, run := range group[1:] {
		run.PreviousDelimiter, group[i].NextDelimiter = group[i], run
	}
	var floors [closerKinds]int // before which there is no opener for such a closer
	for closer := group[0]; closer != nil; {
		if !closer.CanClose {
			closer = closer.NextDelimiter
			continue
		}
		kind := closerKind(closer)
		opener := openerOf(closer, floors[kind])
		if opener == nil {
			floors[kind] = closer.Segment.Start
			closer = closer.NextDelimiter
			continue
		}
		closer = enclose(opener, closer)
	}
	for _, run := range group {
		if run.Parent() != nil {
			ast.MergeOrReplaceTextSegment(run.Parent(), run, run.Segment)
		}
	}
}

// closerKinds is how many kinds of closers there are, each of which matches the
// same openers.
const closerKinds = 3 * 2 * 3

func closerKind(run *parser.Delimiter) int {
	kind := run.OriginalLength % 3
	if run.CanOpen {
		kind += 3
	}
	switch run.Char {
	case '_':
		kind += 6
	case '~':
		kind += 12
	}
	return kind
}

// openerOf is the nearest opener from floor on, or nil.
func openerOf(closer *parser.Delimiter, floor int) *parser.Delimiter {
	for o := closer.PreviousDelimiter; o != nil && o.Segment.Start >= floor; o = o.PreviousDelimiter {
		if o.CanOpen && o.Char == closer.Char && o.CalcComsumption(closer) > 0 {
			return o
		}
	}
	return nil
}

// enclose puts what is between a pair into a node of its own. It returns the
// closer to go on with.
func enclose(opener, closer *parser.Delimiter) *parser.Delimiter {
	consumed := opener.CalcComsumption(closer)
	opener.ConsumeCharacters(consumed)
	closer.ConsumeCharacters(consumed)
	var node ast.Node = ast.NewEmphasis(consumed)
	if opener.Char == '~' {
		node = extension.NewStrikethrough()
	}
	parent := opener.Parent()
	for c := opener.NextSibling(); c != closer; c = opener.NextSibling() {
		node.AppendChild(node, c)
	}
	parent.InsertAfter(parent, opener, node)
	opener.NextDelimiter, closer.PreviousDelimiter = closer, opener
	if opener.Length == 0 {
		unlink(opener)
	}
	if closer.Length > 0 {
		return closer
	}
	next := closer.NextDelimiter
	unlink(closer)
	return next
}

// unlink takes a run that is used up out of its list and its tree.
func unlink(run *parser.Delimiter) {
	if run.PreviousDelimiter != nil {
		run.PreviousDelimiter.NextDelimiter = run.NextDelimiter
	}
	if run.NextDelimiter != nil {
		run.NextDelimiter.PreviousDelimiter = run.PreviousDelimiter
	}
	run.Parent().RemoveChild(run.Parent(), run)
}
