package wire

import (
	"time"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

// Blog is a blog as clients see it, in answers and in events.
type Blog struct {
	ID           uuid.UUID           `json:"id"`
	Slug         string              `json:"slug"`
	Title        string              `json:"title"`
	Summary      string              `json:"summary" doc:"Markdown"`
	SummaryHTML  string              `json:"summary_html"`
	Status       liveblog.BlogStatus `json:"status" enum:"draft,live,ended"`
	Language     string              `json:"language" example:"en"`
	Unlisted     bool                `json:"unlisted"`
	PinnedPostID *uuid.UUID          `json:"pinned_post_id"`
	Version      int64               `json:"version"`
	Epoch        string              `json:"epoch" doc:"Names the history that seq numbers belong to"`
	LastSeq      int64               `json:"last_seq" doc:"The newest event of the log"`
	URL          string              `json:"url"`
	CreatedAt    time.Time           `json:"created_at"`
	UpdatedAt    time.Time           `json:"updated_at"`
	StartedAt    *time.Time          `json:"started_at"`
	EndedAt      *time.Time          `json:"ended_at"`
}

// NewBlog shows a blog.
func NewBlog(b *liveblog.Blog) Blog {
	return Blog{
		ID: b.ID, Slug: b.Slug, Title: b.Title, Summary: b.Summary, SummaryHTML: b.SummaryHTML, Status: b.Status,
		Language: b.Language, Unlisted: b.Unlisted, PinnedPostID: b.PinnedPostID, Version: b.Version,
		Epoch: b.Epoch, LastSeq: b.LastSeq, URL: liveblog.BlogURL(b.Slug),
		CreatedAt: b.CreatedAt, UpdatedAt: b.UpdatedAt, StartedAt: b.StartedAt, EndedAt: b.EndedAt,
	}
}
