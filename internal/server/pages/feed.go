package pages

import (
	"context"
	"encoding/xml"
	"strings"

	"dateline/internal/liveblog"
	"dateline/internal/markup"
	"dateline/internal/wire"

	"github.com/gin-gonic/gin"
)

// postsInFeed is enough for a feed reader that polls once in a busy hour.
const postsInFeed = 50

// atomDocument is a feed of RFC 4287.
type atomDocument struct {
	XMLName  xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	Lang     string      `xml:"xml:lang,attr"`
	ID       string      `xml:"id"`
	Title    string      `xml:"title"`
	Subtitle string      `xml:"subtitle,omitempty"`
	Updated  string      `xml:"updated"`
	Links    []atomLink  `xml:"link"`
	Author   atomAuthor  `xml:"author"`
	Entries  []atomEntry `xml:"entry"`
}

type atomLink struct {
	Rel  string `xml:"rel,attr"`
	Type string `xml:"type,attr"`
	Href string `xml:"href,attr"`
}

type atomAuthor struct {
	Name string `xml:"name"`
}

type atomEntry struct {
	ID         string         `xml:"id"`
	Title      string         `xml:"title"`
	Published  string         `xml:"published"`
	Updated    string         `xml:"updated"`
	Link       atomLink       `xml:"link"`
	Author     *atomAuthor    `xml:"author"`
	Categories []atomCategory `xml:"category"`
	Content    atomContent    `xml:"content"`
}

type atomCategory struct {
	Term string `xml:"term,attr"`
}

type atomContent struct {
	Type string `xml:"type,attr"`
	Text string `xml:",chardata"`
}

// serveFeed answers with a feed of the blog's newest posts, as marshal writes it. Drafts have
// no feed.
func (s *Site) serveFeed(c *gin.Context, name, contentType string, marshal func(*liveblog.Page) ([]byte, error)) error {
	slug := c.Param("slug")
	return s.serveRecent(c, liveblog.BlogURL(slug)+"/"+name, contentType, func(ctx context.Context) (*renderedPage, error) {
		page, err := s.publicPage(ctx, slug, liveblog.PageQuery{Limit: postsInFeed})
		if err != nil {
			return nil, err
		}
		body, err := marshal(page)
		if err != nil {
			return nil, err
		}
		return newRenderedPage(body, &page.Blog), nil
	})
}

func (s *Site) atomFeed(c *gin.Context) error {
	return s.serveFeed(c, "feed.atom", "application/atom+xml; charset=utf-8", func(p *liveblog.Page) ([]byte, error) {
		body, err := xml.Marshal(s.newAtom(p))
		return append([]byte(xml.Header), body...), err
	})
}

func (s *Site) newAtom(p *liveblog.Page) *atomDocument {
	b, here := p.Blog, liveblog.BlogURL(p.Blog.Slug)
	feed := &atomDocument{
		Lang: b.Language, ID: "urn:uuid:" + b.ID.String(), Title: b.Title, Subtitle: markup.OneLine(b.SummaryHTML),
		Updated: stamp(lastUpdate(b, p.Posts)), Author: atomAuthor{siteName},
		Links: []atomLink{
			{"alternate", "text/html", s.absolute(here)},
			{"self", "application/atom+xml", s.absolute(here + "/feed.atom")},
		},
	}
	for i := range p.Posts {
		feed.Entries = append(feed.Entries, s.newEntry(newArticle(&p.Posts[i], b.Slug, anchorFeed)))
	}
	return feed
}

func (s *Site) newEntry(v articleView) atomEntry {
	entry := atomEntry{
		ID: "urn:uuid:" + v.ID.String(), Title: markup.Headline(&v.Post), Published: stamp(v.PublishedAt), Updated: stamp(changed(&v)),
		Link: atomLink{"alternate", "text/html", s.absolute(v.URL)}, Content: atomContent{"html", s.absoluteHTML(v.HTML)},
	}
	if v.Byline != "" {
		entry.Author = &atomAuthor{v.Byline}
	}
	for _, tag := range v.Tags {
		entry.Categories = append(entry.Categories, atomCategory{tag})
	}
	return entry
}

// absoluteHTML makes the images of sanitised HTML work on other sites: in such HTML a quotation
// mark stands only around attributes.
func (s *Site) absoluteHTML(source string) string {
	media := s.absolute("/media/")
	return strings.NewReplacer(`"/media/`, `"`+media, `, /media/`, `, `+media).Replace(source)
}

// jsonDocument is a JSON Feed, version 1.1 (jsonfeed.org).
type jsonDocument struct {
	Version     string     `json:"version"`
	Title       string     `json:"title"`
	HomePageURL string     `json:"home_page_url"`
	FeedURL     string     `json:"feed_url"`
	Description string     `json:"description,omitempty"`
	Language    string     `json:"language"`
	Expired     bool       `json:"expired,omitempty"`
	Items       []jsonItem `json:"items"`
}

type jsonItem struct {
	ID            string       `json:"id"`
	URL           string       `json:"url"`
	Title         string       `json:"title,omitempty"`
	ContentHTML   string       `json:"content_html"`
	ContentText   string       `json:"content_text,omitempty"`
	DatePublished string       `json:"date_published"`
	DateModified  string       `json:"date_modified"`
	Authors       []jsonAuthor `json:"authors,omitempty"`
	Tags          []string     `json:"tags,omitempty"`
}

type jsonAuthor struct {
	Name string `json:"name"`
}

func (s *Site) jsonFeed(c *gin.Context) error {
	return s.serveFeed(c, "feed.json", "application/feed+json; charset=utf-8", func(p *liveblog.Page) ([]byte, error) {
		return wire.Marshal(s.newJSONFeed(p))
	})
}

func (s *Site) newJSONFeed(p *liveblog.Page) *jsonDocument {
	b, here := p.Blog, liveblog.BlogURL(p.Blog.Slug)
	feed := &jsonDocument{
		Version: "https://jsonfeed.org/version/1.1", Title: b.Title, HomePageURL: s.absolute(here),
		FeedURL: s.absolute(here + "/feed.json"), Description: markup.OneLine(b.SummaryHTML), Language: b.Language,
		Expired: b.Status == liveblog.BlogEnded, Items: []jsonItem{},
	}
	for i := range p.Posts {
		feed.Items = append(feed.Items, s.newItem(newArticle(&p.Posts[i], b.Slug, anchorFeed)))
	}
	return feed
}

func (s *Site) newItem(v articleView) jsonItem {
	item := jsonItem{
		ID: "urn:uuid:" + v.ID.String(), URL: s.absolute(v.URL), Title: v.Title, ContentHTML: s.absoluteHTML(v.HTML),
		ContentText: v.Text, DatePublished: stamp(v.PublishedAt), DateModified: stamp(changed(&v)), Tags: v.Tags,
	}
	if v.Byline != "" {
		item.Authors = []jsonAuthor{{v.Byline}}
	}
	return item
}
