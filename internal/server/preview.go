package server

import (
	"context"
	"net/http"

	"dateline/internal/auth"

	"github.com/danielgtaylor/huma/v2"
)

func (s *Server) previewRoutes() {
	register(s, huma.Operation{OperationID: "preview", Method: http.MethodPost, Path: "/api/v1/preview",
		Summary: "Show what readers would see", Description: "Converts and renders a body exactly as publishing it would. Nothing is stored.",
		Tags: []string{"Posts"}}, auth.UploadMedia, s.preview)
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

func (s *Server) preview(ctx context.Context, in *previewInput) (*previewOutput, error) {
	content, err := s.content(ctx, in.Body.Format, in.Body.Body)
	if err != nil {
		return nil, err
	}
	out := &previewOutput{}
	out.Body.HTML, out.Body.Text = content.HTML, content.Text
	return out, nil
}
