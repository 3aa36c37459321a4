package pages

import (
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/markup"
)

// siteName is the publisher that pages and feeds name.
const siteName = "Dateline"

// thing is a person or an organization of schema.org.
type thing struct {
	Type string `json:"@type"`
	Name string `json:"name"`
	URL  string `json:"url,omitempty"`
}

// liveBlogPosting describes the page to search engines (schema.org/LiveBlogPosting).
// coverageEndTime says that coverage is over, so it is given only then.
type liveBlogPosting struct {
	Context           string        `json:"@context"`
	Type              string        `json:"@type"`
	ID                string        `json:"@id"`
	URL               string        `json:"url"`
	MainEntityOfPage  string        `json:"mainEntityOfPage"`
	Headline          string        `json:"headline"`
	Description       string        `json:"description,omitempty"`
	Image             *imageView    `json:"image,omitempty"`
	InLanguage        string        `json:"inLanguage"`
	DatePublished     string        `json:"datePublished"`
	DateModified      string        `json:"dateModified"`
	CoverageStartTime string        `json:"coverageStartTime"`
	CoverageEndTime   string        `json:"coverageEndTime,omitempty"`
	Author            []thing       `json:"author"`
	Publisher         thing         `json:"publisher"`
	LiveBlogUpdate    []blogPosting `json:"liveBlogUpdate"`
}

// blogPosting is one post, with its own times.
type blogPosting struct {
	Context          string     `json:"@context,omitempty"`
	Type             string     `json:"@type"`
	ID               string     `json:"@id"`
	URL              string     `json:"url"`
	MainEntityOfPage string     `json:"mainEntityOfPage"`
	Headline         string     `json:"headline"`
	ArticleBody      string     `json:"articleBody"`
	Image            *imageView `json:"image,omitempty"`
	Keywords         []string   `json:"keywords,omitempty"`
	DatePublished    string     `json:"datePublished"`
	DateModified     string     `json:"dateModified"`
	Author           []thing    `json:"author"`
	Publisher        thing      `json:"publisher"`
}

func (s *Site) liveBlogPosting(p *liveblog.Page, h headView) *liveBlogPosting {
	b, address := p.Blog, s.absolute(liveblog.BlogURL(p.Blog.Slug))
	v := &liveBlogPosting{
		Context: "https://schema.org", Type: "LiveBlogPosting", ID: address, URL: address, MainEntityOfPage: address,
		Headline: markup.Clip(b.Title, markup.MaxHeadline), Description: h.Description, Image: h.Image, InLanguage: b.Language,
		DatePublished: stamp(started(&b)), DateModified: stamp(lastUpdate(b, p.Posts)), CoverageStartTime: stamp(started(&b)),
		Publisher: s.publisher(), LiveBlogUpdate: []blogPosting{},
	}
	if b.Status == liveblog.BlogEnded && b.EndedAt != nil {
		v.CoverageEndTime = stamp(*b.EndedAt)
	}
	for i := range p.Posts {
		if p.Posts[i].Text != "" { // search engines want a body
			posting := s.blogPosting(&p.Posts[i], b.Slug)
			posting.Context = ""
			v.LiveBlogUpdate = append(v.LiveBlogUpdate, *posting)
		}
	}
	v.Author = s.authors(p.Posts)
	return v
}

func started(b *liveblog.Blog) time.Time {
	if b.StartedAt != nil {
		return *b.StartedAt
	}
	return b.CreatedAt
}

func (s *Site) blogPosting(p *liveblog.Post, slug string) *blogPosting {
	address := s.absolute(liveblog.PostURL(slug, p.ID))
	v := newArticle(p, slug, anchorFeed)
	return &blogPosting{
		Context: "https://schema.org", Type: "BlogPosting", ID: address, URL: address, MainEntityOfPage: address,
		Headline: markup.Clip(markup.Headline(p), markup.MaxHeadline), ArticleBody: p.Text, Image: s.imageOf(p.HTML), Keywords: p.Tags,
		DatePublished: stamp(v.PublishedAt), DateModified: stamp(changed(&v)),
		Author: s.authors([]liveblog.Post{*p}), Publisher: s.publisher(),
	}
}

// changed is the time of the last visible change of a post.
func changed(v *articleView) time.Time {
	if v.EditedAt != nil {
		return *v.EditedAt
	}
	return v.PublishedAt
}

func (s *Site) publisher() thing {
	return thing{Type: "Organization", Name: siteName, URL: s.absolute("/")}
}

// authors are the bylines of the posts, each once, or else the publisher.
func (s *Site) authors(posts []liveblog.Post) []thing {
	var out []thing
	seen := map[string]bool{"": true}
	for i := range posts {
		if name := posts[i].Byline; !seen[name] {
			seen[name] = true
			out = append(out, thing{Type: "Person", Name: name})
		}
	}
	if out == nil {
		out = []thing{s.publisher()}
	}
	return out
}
