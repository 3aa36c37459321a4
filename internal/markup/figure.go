package markup

import (
	"fmt"
	"html"
	"strings"

	"dateline/internal/liveblog"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/util"
)

var (
	kindFigure = ast.NewNodeKind("Figure")
	kindCard   = ast.NewNodeKind("Card")
)

// sizes is the sizes attribute of images: they are as wide as the column of posts.
const sizes = "(min-width: 48rem) 44rem, 100vw"

// figure is an uploaded image. An inline one, within a link or a list, has no caption.
type figure struct {
	ast.BaseBlock
	media   *liveblog.Media
	alt     string
	caption string
	inline  bool
}

// Kind is part of ast.Node.
func (f *figure) Kind() ast.NodeKind { return kindFigure }

// Dump is part of ast.Node.
func (f *figure) Dump(source []byte, level int) { ast.DumpHelper(f, source, level, nil, nil) }

// card is a URL that is alone in a paragraph.
type card struct {
	ast.BaseBlock
	url      string
	provider string // of the embed, "" for a plain link
	src      string // of the frame that a click loads; "" for a plain link
}

// Kind is part of ast.Node.
func (c *card) Kind() ast.NodeKind { return kindCard }

// Dump is part of ast.Node.
func (c *card) Dump(source []byte, level int) { ast.DumpHelper(c, source, level, nil, nil) }

// figureRenderer writes figures and cards.
type figureRenderer struct{}

// RegisterFuncs is part of renderer.NodeRenderer.
func (figureRenderer) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(kindFigure, onEnter(func(w util.BufWriter, n ast.Node) { writeFigure(w, n.(*figure)) }))
	r.Register(kindCard, onEnter(func(w util.BufWriter, n ast.Node) { writeCard(w, n.(*card)) }))
}

func onEnter(write func(util.BufWriter, ast.Node)) renderer.NodeRendererFunc {
	return func(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			write(w, n)
		}
		return ast.WalkSkipChildren, nil
	}
}

func writeFigure(w util.BufWriter, f *figure) {
	if f.inline {
		writeImage(w, f)
		return
	}
	_, _ = w.WriteString(`<figure class="image">`)
	writeImage(w, f)
	writeCaption(w, f)
	_, _ = w.WriteString("</figure>\n")
}

// writeImage sets width and height, so that the layout does not shift when the image loads.
func writeImage(w util.BufWriter, f *figure) {
	shown := f.media.Default()
	alt := f.alt
	if alt == "" {
		alt = f.media.Alt
	}
	_, _ = fmt.Fprintf(w, `<img src="%s" srcset="%s" sizes="%s" width="%d" height="%d" alt="%s" loading="lazy" decoding="async">`,
		f.media.URL(shown), srcset(f.media), sizes, f.media.Width, f.media.Height, html.EscapeString(alt))
}

func srcset(m *liveblog.Media) string {
	var all []string
	for _, v := range m.Variants {
		all = append(all, fmt.Sprintf("%s %dw", m.URL(v), v.Width))
	}
	return strings.Join(all, ", ")
}

func writeCaption(w util.BufWriter, f *figure) {
	caption := f.caption
	if caption == "" {
		caption = f.media.Caption
	}
	parts := []string{}
	if caption != "" {
		parts = append(parts, html.EscapeString(caption))
	}
	if f.media.Credit != "" {
		parts = append(parts, `<span class="credit">`+html.EscapeString(f.media.Credit)+`</span>`)
	}
	if len(parts) > 0 {
		_, _ = w.WriteString("<figcaption>" + strings.Join(parts, " ") + "</figcaption>")
	}
}

func writeCard(w util.BufWriter, c *card) {
	embed := ""
	if c.src != "" {
		embed = fmt.Sprintf(` data-embed-src="%s" data-embed-provider="%s"`, html.EscapeString(c.src), c.provider)
	}
	_, _ = fmt.Fprintf(w, `<figure class="embed"%s><a href="%s" rel="%s">%s</a></figure>`+"\n", embed,
		html.EscapeString(string(util.URLEscape([]byte(c.url), false))), rel, html.EscapeString(c.url))
}
