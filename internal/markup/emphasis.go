package markup

import (
	"github.com/yuin/goldmark/ast"
	extension "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// emphasisParser reads emphasis and strike-through as goldmark's own parsers do, but in
// linear time: for each closer, those search everything before it for the opener.
type emphasisParser struct{}

// runsKey is the key of the runs of delimiters of the block so far.
var runsKey = parser.NewContextKey()

type runs struct{ found []*parser.Delimiter }

func runsOf(pc parser.Context) *runs {
	return pc.ComputeIfAbsent(runsKey, func() any { return &runs{} }).(*runs)
}

// Trigger is part of parser.InlineParser.
func (emphasisParser) Trigger() []byte { return []byte{'*', '_', '~'} }

// Parse is part of parser.InlineParser. CloseBlock matches the runs.
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

// marks defines which characters form runs.
type marks struct{}

// IsDelimiter is part of parser.DelimiterProcessor.
func (marks) IsDelimiter(c byte) bool { return c == '*' || c == '_' || c == '~' }

// CanOpenCloser is part of parser.DelimiterProcessor.
func (marks) CanOpenCloser(opener, closer *parser.Delimiter) bool { return opener.Char == closer.Char }

// OnMatch is part of parser.DelimiterProcessor.
func (marks) OnMatch(consumed int) ast.Node { return ast.NewEmphasis(consumed) }

// CloseBlock is part of parser.CloseBlocker. Runs match only siblings: goldmark has moved
// the content of links into them by now.
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

// match pairs the runs of a group (CommonMark, appendix "Phase 2: inline structure",
// process emphasis). What remains of them becomes text.
func match(group []*parser.Delimiter) {
	for i, run := range group[1:] {
		run.PreviousDelimiter, group[i].NextDelimiter = group[i], run
	}
	var floors [closerKinds]int // by kind of closer: there is no opener for it before
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

// closerKinds is the number of kinds of closers. All closers of a kind match the same
// openers.
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

// openerOf returns the nearest opener before closer and not before floor, or nil.
func openerOf(closer *parser.Delimiter, floor int) *parser.Delimiter {
	for o := closer.PreviousDelimiter; o != nil && o.Segment.Start >= floor; o = o.PreviousDelimiter {
		if o.CanOpen && o.Char == closer.Char && o.CalcComsumption(closer) > 0 {
			return o
		}
	}
	return nil
}

// enclose moves what is between a pair into a node. It returns the closer to continue with.
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

// unlink removes a run without remaining characters from its list and its tree.
func unlink(run *parser.Delimiter) {
	if run.PreviousDelimiter != nil {
		run.PreviousDelimiter.NextDelimiter = run.NextDelimiter
	}
	if run.NextDelimiter != nil {
		run.NextDelimiter.PreviousDelimiter = run.PreviousDelimiter
	}
	run.Parent().RemoveChild(run.Parent(), run)
}
