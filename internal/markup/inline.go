package markup

import (
	"bytes"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// The parsers in this file wrap those of goldmark. They call them only where these find
// something, or count what these look at (see budget).

// codeParser reads code spans. For each opening run of backticks, goldmark searches the
// rest of the paragraph for a closing one. This parser knows where the last run of each
// length is, and calls goldmark only if there is one.
type codeParser struct{ parser.InlineParser }

var ticksKey = parser.NewContextKey()

// ticks holds where in a block the last run of each number of backticks begins.
type ticks struct {
	block ast.Node
	last  map[int]int
}

// Parse is part of parser.InlineParser.
func (p codeParser) Parse(parent ast.Node, block text.Reader, pc parser.Context) ast.Node {
	line, segment := block.PeekLine()
	n := runLength(line)
	if ticksOf(parent, block.Source(), pc).last[n] > segment.Start {
		return p.InlineParser.Parse(parent, block, pc)
	}
	block.Advance(n)
	return ast.NewTextSegment(segment.WithStop(segment.Start + n))
}

func ticksOf(block ast.Node, source []byte, pc parser.Context) *ticks {
	if known, ok := pc.Get(ticksKey).(*ticks); ok && known.block == block {
		return known
	}
	t := &ticks{block: block, last: map[int]int{}}
	for i := range block.Lines().Len() {
		line := block.Lines().At(i)
		for at := line.Start; at < line.Stop; {
			next := bytes.IndexByte(source[at:line.Stop], '`')
			if next < 0 {
				break
			}
			n := runLength(source[at+next : line.Stop])
			t.last[n] = at + next
			at += next + n
		}
	}
	pc.Set(ticksKey, t)
	return t
}

// runLength returns how many bytes at the start of line are equal to the first one.
func runLength(line []byte) int {
	n := 1
	for n < len(line) && line[n] == line[0] {
		n++
	}
	return n
}

// linkParser counts the work for links and images: for each closing bracket, goldmark looks
// at everything since the opening one, and possibly at everything that follows.
type linkParser struct{ parser.InlineParser }

var openKey = parser.NewContextKey()

// openBrackets holds the places of the brackets that are open in the block.
type openBrackets struct{ at []int }

func bracketsOf(pc parser.Context) *openBrackets {
	return pc.ComputeIfAbsent(openKey, func() any { return &openBrackets{} }).(*openBrackets)
}

// Parse is part of parser.InlineParser.
func (p linkParser) Parse(parent ast.Node, block text.Reader, pc parser.Context) ast.Node {
	line, segment := block.PeekLine()
	open := bracketsOf(pc)
	if line[0] != ']' {
		node := p.InlineParser.Parse(parent, block, pc)
		if node != nil {
			open.at = append(open.at, segment.Start)
		}
		return node
	}
	steps := budgetOf(pc)
	if last := len(open.at) - 1; last >= 0 {
		steps.spend(segment.Start - open.at[last] + parent.Lines().Len()/4)
		open.at = open.at[:last]
	}
	if rest, ok := bytes.CutPrefix(line, []byte("](")); ok {
		steps.spend(bracketed(rest))
	}
	return p.InlineParser.Parse(parent, &meteredLink{block, steps}, pc)
}

// bracketed returns the length of a link destination in angle brackets, in bytes.
func bracketed(rest []byte) int {
	rest = bytes.TrimLeft(rest, " \t")
	if len(rest) == 0 || rest[0] != '<' {
		return 0
	}
	if end := bytes.IndexByte(rest, '>'); end >= 0 {
		return end
	}
	return len(rest)
}

// CloseBlock is part of parser.CloseBlocker.
func (p linkParser) CloseBlock(parent ast.Node, block text.Reader, pc parser.Context) {
	bracketsOf(pc).at = bracketsOf(pc).at[:0]
	p.InlineParser.(parser.CloseBlocker).CloseBlock(parent, block, pc)
}

// bareParser reads URLs and e-mail addresses without angle brackets. URLs end by the rule
// of urlEnd. For addresses it calls goldmark's parser, which has slow patterns, where
// there may be one.
type bareParser struct{ parser.InlineParser }

var noMailKey = parser.NewContextKey()

// noMail holds the place of the last @ that is in no address, whatever precedes it.
type noMail struct{ at int }

// Parse is part of parser.InlineParser.
func (p bareParser) Parse(parent ast.Node, block text.Reader, pc parser.Context) ast.Node {
	line, segment := block.PeekLine()
	start := segment.Start
	switch line[0] {
	case ' ', '*', '_', '~', '(':
		line, start = line[1:], start+1
	}
	if mayBeURL(line) {
		if pc.IsInLinkLabel() {
			return nil
		}
		return bareURL(parent, block, line, start)
	}
	at := mailAt(line)
	if at < 0 {
		return nil
	}
	known := pc.ComputeIfAbsent(noMailKey, func() any { return &noMail{-1} }).(*noMail)
	if known.at == start+at {
		return nil
	}
	node := p.InlineParser.Parse(parent, block, pc)
	if node == nil {
		known.at = start + at
	}
	return node
}

// bareURL makes a link of the URL that line begins with. start is its place in the source.
// A character before it, which led here, becomes text.
func bareURL(parent ast.Node, block text.Reader, line []byte, start int) ast.Node {
	if _, segment := block.PeekLine(); segment.Start < start {
		ast.MergeOrAppendTextSegment(parent, segment.WithStop(start))
		block.Advance(start - segment.Start)
	}
	if space := bytes.IndexAny(line, " \t\n"); space >= 0 {
		line = line[:space] // so that many URLs in a line do not each copy the rest of it
	}
	end := urlEnd(string(line))
	block.Advance(end)
	link := ast.NewAutoLink(ast.AutoLinkURL, ast.NewTextSegment(text.NewSegment(start, start+end)))
	if bytes.HasPrefix(line, []byte("www.")) {
		link.Protocol = []byte("http")
	}
	return link
}

// maxHost bounds the name of a host and maxLocal the part of an address before the @, in
// bytes. goldmark's patterns have the same bounds.
const (
	maxHost  = 256
	maxLocal = 64
)

// mayBeURL reports whether line begins with a scheme or "www.", followed by the name of a
// host with a dot before a lower-case letter.
func mayBeURL(line []byte) bool {
	for _, prefix := range []string{"http://", "https://", "www."} {
		host, ok := bytes.CutPrefix(line, []byte(prefix))
		if !ok {
			continue
		}
		for i := 1; i+1 < len(host) && i <= maxHost && inHost(host[i-1]); i++ {
			if host[i] == '.' && host[i+1] >= 'a' && host[i+1] <= 'z' {
				return true
			}
		}
	}
	return false
}

func inHost(c byte) bool { return isWord(c) || bytes.IndexByte([]byte("-@:%._+~#="), c) >= 0 }

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// mailAt returns the place of the @ in an e-mail address at the start of line, or -1. A
// name precedes the @, and the name of the host has a dot.
func mailAt(line []byte) int {
	at := 0
	for at < len(line) && at < maxLocal && inLocal(line[at]) {
		at++
	}
	if at == 0 || at == len(line) || line[at] != '@' || util.IsPunct(line[0]) {
		return -1
	}
	for _, c := range line[at+1 : min(len(line), at+1+maxHost)] {
		if c == '.' {
			return at
		}
		if !isWord(c) && c != '-' {
			break
		}
	}
	return -1
}

func inLocal(c byte) bool {
	return isWord(c) || bytes.IndexByte([]byte("!#$%&'*+-/=?^_`{|}~."), c) >= 0
}
