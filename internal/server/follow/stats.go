package follow

import (
	"context"

	"dateline/internal/liveblog"
	"dateline/internal/server/access"
	"dateline/internal/server/operation"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
)

// CountStore reads how often posts were viewed.
type CountStore interface {
	Counts(ctx context.Context, blogID uuid.UUID) (liveblog.Counts, error)
}

// Stats shows the counts of a blog.
func (f *Follow) Stats() access.Handler {
	return operation.New(f.doc, huma.Operation{OperationID: "get-stats", Tags: []string{"Stream"}, Summary: "Views of all posts, and readers now"}, f.getStats)
}

type statsOutput struct {
	Body struct {
		Readers int64               `json:"readers"`
		Posts   map[uuid.UUID]int64 `json:"posts" doc:"Views by post"`
	}
}

func (f *Follow) getStats(ctx context.Context, _ *operation.BlogPath) (*statsOutput, error) {
	counts, err := f.counts.Counts(ctx, access.BlogOf(ctx).Blog.ID)
	if err != nil {
		return nil, err
	}
	out := &statsOutput{}
	out.Body.Readers, out.Body.Posts = counts.Readers, counts.Posts
	return out, nil
}
