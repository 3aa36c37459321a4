// Package markup converts Markdown, which editors write, to the HTML and the plain text
// that readers receive. All HTML comes from goldmark, with raw HTML off, and passes a
// sanitiser with an allow-list of its own. The package does no I/O: a link card names
// its provider without a request. It starts no goroutines.
package markup

import (
	"bytes"
	"fmt"
	"strings"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"github.com/yuin/goldmark/ast"
)

// Version counts the changes of Render that give other HTML for the same Markdown. It is
// stored beside the HTML; texts of an older version are rendered anew
// (postgres.RenderAnew). Version 2 ends bare URLs by the rule of urlEnd.
const Version = 2

// Rendered is a text in the two forms that readers receive.
type Rendered struct {
	HTML string // sanitised
	Text string // for feeds, search and structured data
}

// Document is a parsed text. It can be rendered once.
type Document struct {
	source []byte
	root   ast.Node
}

// Parse parses Markdown. It is ErrInvalid, with the field "body.body", if the text is too
// long or too deeply nested, or if parsing takes more than maxSteps: the work is bounded,
// whatever the text.
func Parse(markdown string) (*Document, error) {
	source := validText(markdown)
	root, err := parse(source)
	if err != nil {
		return nil, err
	}
	return &Document{source, root}, nil
}

// Render returns the text in the forms that readers receive. media holds the images that
// it refers to, see Images. An unknown image, and too many images or embeds, are
// ErrInvalid.
func (d *Document) Render(media map[uuid.UUID]*liveblog.Media) (Rendered, error) {
	t := transformer{source: d.source, media: media}
	t.document(d.root)
	if len(t.problems) > 0 {
		return Rendered{}, invalid(t.problems...)
	}
	var out bytes.Buffer
	if err := engine.Renderer().Render(&out, d.source, d.root); err != nil {
		return Rendered{}, fmt.Errorf("render markdown: %w", err)
	}
	html := strings.TrimSpace(Sanitize(out.String()))
	return Rendered{HTML: html, Text: PlainText(html)}, nil
}

// Render parses and renders markdown.
func Render(markdown string, media map[uuid.UUID]*liveblog.Media) (Rendered, error) {
	d, err := Parse(markdown)
	if err != nil {
		return Rendered{}, err
	}
	return d.Render(media)
}

// Sanitize removes from HTML all that Render never returns, and leaves the rest as it is.
// It is a second line of defence, and for HTML that was stored by older versions.
func Sanitize(html string) string { return readerPolicy.Sanitize(html) }

// Reference returns the Markdown that shows m in a post.
func Reference(m *liveblog.Media) string {
	title := ""
	if m.Caption != "" {
		title = ` "` + quotes.Replace(escapeInline(m.Caption)) + `"`
	}
	return "![" + brackets.Replace(escapeInline(m.Alt)) + "](media:" + m.ID.String() + title + ")"
}

var (
	quotes   = strings.NewReplacer(`"`, `\"`)
	brackets = strings.NewReplacer(`]`, `\]`)
)

func invalid(messages ...string) error {
	p := &liveblog.Problem{Err: liveblog.ErrInvalid, Code: "invalid", Detail: "some fields are not valid"}
	for _, m := range messages {
		p.Fields = append(p.Fields, liveblog.FieldError{Location: "body.body", Message: m})
	}
	return p
}
