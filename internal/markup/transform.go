package markup

import (
	"bufio"
	"bytes"
	"fmt"
	"html"
	"strings"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"github.com/yuin/goldmark/ast"
	renderer "github.com/yuin/goldmark/renderer/html"
)

// rel is the rel attribute of every link: it tells search engines that the target is not
// endorsed, and denies the target access to the window.
const rel = "nofollow ugc noopener"

// transformer reduces a parsed document to what a post may hold: smaller headings, uploaded
// images, and cards for URLs that are alone in a paragraph.
type transformer struct {
	source   []byte
	media    map[uuid.UUID]*liveblog.Media
	images   int
	embeds   int
	problems []string
}

// document changes doc in place. It collects the nodes first, since the tree must not
// change during the walk.
func (t *transformer) document(doc ast.Node) {
	var nodes []ast.Node
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			nodes = append(nodes, n)
		}
		return ast.WalkContinue, nil
	})
	for _, n := range nodes {
		t.node(n)
	}
	t.limit(t.images, liveblog.MaxImages, "images")
	t.limit(t.embeds, liveblog.MaxEmbeds, "embeds")
}

func (t *transformer) limit(n, most int, what string) {
	if n > most {
		t.problems = append(t.problems, fmt.Sprintf("must have at most %d %s", most, what))
	}
}

// node is called for children before their parents.
func (t *transformer) node(n ast.Node) {
	switch n := n.(type) {
	case *ast.Heading:
		n.Level = min(max(n.Level+2, 3), 4)
	case *ast.Image:
		t.image(n)
	case *ast.Link:
		t.link(n)
	case *ast.AutoLink:
		t.autoLink(n)
	case *ast.Paragraph:
		t.paragraph(n)
	}
}

// image replaces an uploaded image by an inline figure, and any other one by a link:
// readers' browsers send no requests to third parties by themselves.
func (t *transformer) image(n *ast.Image) {
	id, ours := mediaID(n.Destination)
	if !ours {
		t.linkInstead(n)
		return
	}
	t.images++
	m, known := t.media[id]
	if !known {
		t.problems = append(t.problems, fmt.Sprintf("there is no image %s", id))
		return
	}
	f := &figure{media: m, alt: t.textOf(n), caption: string(unescape(n.Title)), inline: true}
	n.Parent().ReplaceChild(n.Parent(), n, f)
}

func (t *transformer) linkInstead(n *ast.Image) {
	link := ast.NewLink()
	link.Destination = n.Destination
	n.Parent().ReplaceChild(n.Parent(), n, link)
	moveChildren(link, n)
	if !link.HasChildren() {
		link.AppendChild(link, ast.NewString(n.Destination))
	}
	t.link(link)
}

// link keeps links to http, https and mailto URLs that are not within a link. It replaces
// others by their text.
func (t *transformer) link(n *ast.Link) {
	if !allowedURL(string(n.Destination)) || inside(n, ast.KindLink) {
		unwrap(n)
		return
	}
	n.SetAttributeString("rel", []byte(rel))
}

func (t *transformer) autoLink(n *ast.AutoLink) {
	url := string(n.URL(t.source))
	forbidden := n.AutoLinkType != ast.AutoLinkEmail && !allowedURL(url)
	if forbidden || inside(n, ast.KindLink) {
		n.Parent().ReplaceChild(n.Parent(), n, ast.NewString(n.Label(t.source)))
		return
	}
	n.SetAttributeString("rel", []byte(rel))
}

// paragraph replaces a paragraph that consists of one URL by a card. It moves images out of
// a paragraph, between paragraphs of the text around them.
func (t *transformer) paragraph(p *ast.Paragraph) {
	if url := t.loneURL(p); url != "" {
		t.embeds++
		p.Parent().ReplaceChild(p.Parent(), p, newCard(url))
		return
	}
	for c := p.FirstChild(); c != nil; c = c.NextSibling() {
		if _, ok := c.(*figure); ok {
			split(p)
			return
		}
	}
}

// loneURL returns the URL that is the only content of p, or "".
func (t *transformer) loneURL(p ast.Node) string {
	if p.ChildCount() != 1 {
		return ""
	}
	url := ""
	switch n := p.FirstChild().(type) {
	case *ast.AutoLink:
		url = string(n.URL(t.source))
	case *ast.Link:
		if t.textOf(n) == string(n.Destination) {
			url = string(n.Destination)
		}
	}
	if !webURL.MatchString(url) {
		return ""
	}
	return url
}

// split replaces p by its figures and, for the text between them, paragraphs.
func split(p *ast.Paragraph) {
	parent, rest := p.Parent(), ast.NewParagraph()
	closeRest := func() {
		if last, ok := rest.LastChild().(*ast.Text); ok {
			last.SetSoftLineBreak(false)
			last.SetHardLineBreak(false)
		}
		if rest.HasChildren() {
			parent.InsertBefore(parent, p, rest)
		}
		rest = ast.NewParagraph()
	}
	for c := p.FirstChild(); c != nil; c = p.FirstChild() {
		if f, ok := c.(*figure); ok {
			closeRest()
			f.inline = false
			parent.InsertBefore(parent, p, f)
			continue
		}
		rest.AppendChild(rest, c)
	}
	closeRest()
	parent.RemoveChild(parent, p)
}

// textOf returns the text of n and its children, with escapes resolved.
func (t *transformer) textOf(n ast.Node) string {
	var b strings.Builder
	_ = ast.Walk(n, func(c ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch c := c.(type) {
		case *ast.Text:
			b.Write(resolved(c, t.source))
		case *ast.String:
			b.Write(c.Value)
		case *ast.AutoLink:
			b.Write(c.Label(t.source))
		}
		return ast.WalkContinue, nil
	})
	return strings.Join(strings.Fields(b.String()), " ")
}

func resolved(n *ast.Text, source []byte) []byte {
	value := n.Segment.Value(source)
	if n.SoftLineBreak() || n.HardLineBreak() {
		value = append(bytes.Clone(value), ' ')
	}
	if n.IsRaw() {
		return value
	}
	return unescape(value)
}

// unescape resolves backslash escapes and character references in one pass, as the renderer
// does: \&amp; is the text "&amp;".
func unescape(value []byte) []byte {
	var out bytes.Buffer
	w := bufio.NewWriter(&out)
	renderer.DefaultWriter.Write(w, value)
	_ = w.Flush() // into memory
	return []byte(html.UnescapeString(out.String()))
}

// moveChildren appends the children of one node to another.
func moveChildren(to, from ast.Node) {
	for c := from.FirstChild(); c != nil; c = from.FirstChild() {
		to.AppendChild(to, c)
	}
}

// unwrap replaces n by its children.
func unwrap(n ast.Node) {
	parent := n.Parent()
	for c := n.FirstChild(); c != nil; c = n.FirstChild() {
		parent.InsertBefore(parent, n, c)
	}
	parent.RemoveChild(parent, n)
}

func inside(n ast.Node, kind ast.NodeKind) bool {
	for p := n.Parent(); p != nil; p = p.Parent() {
		if p.Kind() == kind {
			return true
		}
	}
	return false
}

// mediaID returns the id in a destination of the form "media:ID".
func mediaID(destination []byte) (uuid.UUID, bool) {
	rest, found := strings.CutPrefix(string(destination), "media:")
	if !found || len(rest) != len(uuid.Nil.String()) {
		return uuid.Nil, false
	}
	id, err := uuid.Parse(rest)
	return id, err == nil
}

// Images lists the images that the text refers to as media:ID, each once, in their order.
// Render needs them.
func (d *Document) Images() []uuid.UUID {
	var ids []uuid.UUID
	seen := map[uuid.UUID]bool{}
	_ = ast.Walk(d.root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if img, ok := n.(*ast.Image); ok && entering {
			if id, ours := mediaID(img.Destination); ours && !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
		return ast.WalkContinue, nil
	})
	return ids
}

// Images is Document.Images for Markdown. It is nil for a text that Parse rejects.
func Images(markdown string) []uuid.UUID {
	d, err := Parse(markdown)
	if err != nil {
		return nil
	}
	return d.Images()
}
