package pages

import (
	"context"
	"slices"
	"strings"

	"dateline/internal/liveblog"
	"dateline/internal/markup"

	"github.com/gin-gonic/gin"
)

// homeKey is what the list of blogs is kept by.
const homeKey = "/"

// homeView is what home.html sees.
type homeView struct {
	headView
	Blogs []homeBlog
}

type homeBlog struct {
	liveblog.Blog
	URL        string
	Text       string
	StatusWord string
}

func (s *Site) homePage(c *gin.Context) error {
	return s.serveRecent(c, homeKey, htmlType, func(ctx context.Context) (*renderedPage, error) {
		if err := s.reads.Allow(ctx); err != nil {
			return nil, err
		}
		blogs, err := s.store.Blogs(ctx, liveblog.BlogQuery{Limit: blogsOnHome})
		if err != nil {
			return nil, err
		}
		return s.rendered("home.html", s.homeView(blogs), &liveblog.Blog{})
	})
}

func (s *Site) homeView(blogs []liveblog.Blog) *homeView {
	v := &homeView{headView: headView{
		Title: "Live blogs", Lang: "en", Dir: "ltr", OGType: "website",
		Canonical: s.absolute("/"), ShareURL: s.absolute("/"),
	}}
	for _, b := range blogs {
		v.Blogs = append(v.Blogs, homeBlog{b, liveblog.BlogURL(b.Slug), markup.Clip(markup.OneLine(b.SummaryHTML), maxDescription), statusWord(b.Status)})
	}
	slices.SortStableFunc(v.Blogs, func(a, b homeBlog) int { // live ones first; both newest first
		return strings.Compare(string(b.Status), string(a.Status))
	})
	return v
}
