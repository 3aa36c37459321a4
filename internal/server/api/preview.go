package api

import (
	"context"

	"dateline/internal/server/access"
	"dateline/internal/server/operation"

	"github.com/danielgtaylor/huma/v2"
)

// Preview renders a text without storing it.
func (t *Texts) Preview() access.Handler {
	return operation.New(t.doc, huma.Operation{OperationID: "preview",
		Summary: "Show what readers would see", Description: "Converts and renders a body exactly as publishing it would. Nothing is stored.",
		Tags: []string{"Posts"}}, t.preview)
}

type previewInput struct {
	Body struct {
		Body   string `json:"body" doc:"The text, at most 64 kB as Markdown"`
		Format string `json:"format,omitempty" enum:"markdown,text,html" default:"markdown"`
	}
}

type previewOutput struct {
	Body struct {
		HTML string `json:"html"`
		Text string `json:"text"`
	}
}

func (t *Texts) preview(ctx context.Context, in *previewInput) (*previewOutput, error) {
	content, err := t.content(ctx, in.Body.Format, in.Body.Body)
	if err != nil {
		return nil, err
	}
	out := &previewOutput{}
	out.Body.HTML, out.Body.Text = content.HTML, content.Text
	return out, nil
}
