package wire

import (
	"time"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

// Post is what everybody may see of a post, in answers and in events.
type Post struct {
	ID          uuid.UUID           `json:"id"`
	Seq         int64               `json:"seq,omitempty" doc:"Of the event that this change caused, if readers see it"`
	Version     int64               `json:"version"`
	Position    int64               `json:"position" doc:"Place in the timeline; 0 when never published"`
	Status      liveblog.PostStatus `json:"status" enum:"published,draft,submitted,removed"`
	Title       string              `json:"title"`
	HTML        string              `json:"html"`
	Byline      string              `json:"byline"`
	Tags        []string            `json:"tags"`
	KeyEvent    bool                `json:"key_event"`
	Pinned      bool                `json:"pinned"`
	PublishedAt *time.Time          `json:"published_at"`
	EditedAt    *time.Time          `json:"edited_at" doc:"Last visible change after publication"`
	URL         string              `json:"url"`
}

// NewPost shows a post of the blog with the given slug.
func NewPost(p *liveblog.Post, slug string) Post {
	tags := p.Tags
	if tags == nil {
		tags = []string{}
	}
	return Post{
		ID: p.ID, Version: p.Version, Position: p.Position, Status: p.Status,
		Title: p.Title, HTML: p.HTML, Byline: p.Byline, Tags: tags, KeyEvent: p.KeyEvent, Pinned: p.Pinned,
		PublishedAt: p.PublishedAt, EditedAt: p.EditedAt, URL: liveblog.PostURL(slug, p.ID),
	}
}
