package main

import (
	"context"
	"log/slog"

	"dateline/internal/markup"
)

// renderAnew brings the HTML that older versions of the program stored up to the renderer
// of this one.
func (n *node) renderAnew(ctx context.Context) error {
	changed, err := n.db.RenderAnew(ctx, operator(), n.render)
	if changed > 0 {
		slog.InfoContext(ctx, "rendered texts anew", "changed", changed, "version", markup.Version)
	}
	return err
}

// render converts a stored text with its pictures.
func (n *node) render(ctx context.Context, markdown string) (html, text string, err error) {
	doc, err := markup.Parse(markdown)
	if err != nil {
		return "", "", err
	}
	pictures, err := n.db.Media(ctx, doc.Images())
	if err != nil {
		return "", "", err
	}
	rendered, err := doc.Render(pictures)
	return rendered.HTML, rendered.Text, err
}
