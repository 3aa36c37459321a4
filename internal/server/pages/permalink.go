package pages

import (
	"context"
	"errors"
	"net/http"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/markup"
	"dateline/internal/server/problem"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
)

// permalinkView is what permalink.html sees.
type permalinkView struct {
	headView
	Blog       *liveblog.Blog
	BlogURL    string
	StatusWord string
	UpdatedAt  time.Time
	Post       articleView
	After      int64 // cursor of the page of the timeline that starts with the post
}

func (s *Site) postPage(c *gin.Context) error {
	id, err := uuid.Parse(c.Param("id"))
	if err != nil || id.String() != c.Param("id") {
		return errNoSuchPage
	}
	slug := c.Param("slug")
	err = s.serveRecent(c, liveblog.PostURL(slug, id), htmlType, func(ctx context.Context) (*renderedPage, error) {
		blog, post, err := s.publicPost(ctx, slug, id)
		if err != nil {
			return nil, err
		}
		return s.rendered("permalink.html", s.permalinkView(blog, post), blog)
	})
	if removed, ok := errors.AsType[*removedError](err); ok {
		return s.writeError(c, problem.New(c.Request.Context(), http.StatusGone, "post_removed", ""), removed.from)
	}
	return err
}

// removedError is the error for a post that was removed; its page names the blog.
type removedError struct{ from *liveblog.Blog }

// Error says what happened.
func (*removedError) Error() string { return "the post was removed" }

// publicPost reads a post that readers may see.
func (s *Site) publicPost(ctx context.Context, slug string, id uuid.UUID) (*liveblog.Blog, *liveblog.Post, error) {
	if err := s.reads.Allow(ctx); err != nil {
		return nil, nil, err
	}
	blog, post, err := s.store.BlogPost(ctx, slug, id)
	switch {
	case err != nil:
		return nil, nil, err
	case !blog.Public():
		return nil, nil, errNoSuchPage
	case post.Status == liveblog.PostRemoved && post.Position > 0:
		return nil, nil, &removedError{blog}
	case post.Status != liveblog.PostPublished:
		return nil, nil, errNoSuchPage
	default:
		return blog, post, nil
	}
}

func (s *Site) permalinkView(b *liveblog.Blog, p *liveblog.Post) *permalinkView {
	here := liveblog.BlogURL(b.Slug)
	v := &permalinkView{
		headView: s.head(b), Blog: b, BlogURL: here, StatusWord: statusWord(b.Status),
		UpdatedAt: lastUpdate(*b, []liveblog.Post{*p}), Post: newArticle(p, b.Slug, anchorFeed), After: p.Position + 1,
	}
	v.Title, v.OGType = markup.Headline(p), "article"
	v.Description = markup.Clip(p.Text, maxDescription)
	v.ShareURL = s.absolute(v.Post.URL)
	v.Canonical = s.absolute(here)
	if standsAlone(p) {
		v.Canonical = v.ShareURL
	}
	v.Image = s.imageOf(p.HTML)
	v.JSONLD = s.blogPosting(p, b.Slug)
	return v
}

// standsAlone reports whether a post is worth a search result of its own; a post of one line
// belongs to the result of its blog.
func standsAlone(p *liveblog.Post) bool {
	const paragraph = 200
	return p.Title != "" || len([]rune(p.Text)) >= paragraph
}
