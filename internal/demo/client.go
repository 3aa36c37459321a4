package demo

import (
	"bytes"
	"context"
	"errors"
	"image/png"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"dateline/internal/apiclient"
)

// Client makes the script's changes with an API token. Everything it does can be
// repeated safely, and is repeated when the server is busy or away.
type Client struct{ api apiclient.Client }

// tryTimeout bounds one attempt of a request.
const tryTimeout = 30 * time.Second

// NewClient makes a Client for the server at url, "http://127.0.0.1:8080".
func NewClient(url, token string) *Client {
	return &Client{apiclient.Client{URL: strings.TrimSuffix(url, "/"), Token: token, HTTP: &http.Client{Timeout: tryTimeout}}}
}

// Blog is what the API takes for a blog. Fields that are empty are not sent.
type Blog struct {
	Slug     string `json:"slug,omitempty"`
	Title    string `json:"title,omitempty"`
	Summary  string `json:"summary,omitempty"`
	Language string `json:"language,omitempty"`
}

// Post is what the API takes for a post. Fields that are empty are not sent.
type Post struct {
	Title      string   `json:"title,omitempty"`
	Body       string   `json:"body,omitempty"`
	Format     string   `json:"format,omitempty"`
	Byline     string   `json:"byline,omitempty"`
	Tags       []string `json:"tags,omitempty"`
	KeyEvent   bool     `json:"key_event,omitempty"`
	Pinned     bool     `json:"pinned,omitempty"`
	ExternalID string   `json:"external_id,omitempty"`
}

// CreateBlog makes a live blog.
func (c *Client) CreateBlog(ctx context.Context, slug string, b Blog) error {
	b.Slug = slug
	return c.json(ctx, http.MethodPost, "/blogs", b, nil)
}

// UpdateBlog changes what is set in b.
func (c *Client) UpdateBlog(ctx context.Context, slug string, b Blog) error {
	return c.json(ctx, http.MethodPatch, "/blogs/"+slug, b, nil)
}

// EndBlog ends the blog; its streams are over.
func (c *Client) EndBlog(ctx context.Context, slug string) error {
	return c.json(ctx, http.MethodPost, "/blogs/"+slug+"/end", nil, nil)
}

// CreatePost publishes a post and returns its id.
func (c *Client) CreatePost(ctx context.Context, slug string, p Post) (id string, err error) {
	var created struct {
		ID string `json:"id"`
	}
	err = c.json(ctx, http.MethodPost, "/blogs/"+slug+"/posts", p, &created)
	return created.ID, err
}

// UpdatePost changes what is set in p.
func (c *Client) UpdatePost(ctx context.Context, slug, id string, p Post) error {
	return c.json(ctx, http.MethodPatch, "/blogs/"+slug+"/posts/"+id, p, nil)
}

// DeletePost removes a post. One that is gone already is no error: an earlier
// try may have done it.
func (c *Client) DeletePost(ctx context.Context, slug, id string) error {
	err := c.json(ctx, http.MethodDelete, "/blogs/"+slug+"/posts/"+id, nil, nil)
	if e, ok := errors.AsType[*apiclient.Error](err); ok && e.Status == http.StatusGone {
		return nil
	}
	return err
}

// Pin pins a post; with an empty id, none.
func (c *Client) Pin(ctx context.Context, slug, id string) error {
	body := map[string]*string{"post_id": nil}
	if id != "" {
		body["post_id"] = &id
	}
	return c.json(ctx, http.MethodPut, "/blogs/"+slug+"/pinned", body, nil)
}

// Upload draws an image, uploads it and returns the Markdown that shows it.
func (c *Client) Upload(ctx context.Context, i Image) (markdown string, err error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, field := range [][2]string{{"alt", i.Alt}, {"caption", i.Caption}, {"credit", i.Credit}} {
		if err := form.WriteField(field[0], field[1]); err != nil {
			return "", err
		}
	}
	file, err := form.CreateFormFile("file", "image.png")
	if err != nil {
		return "", err
	}
	if err := png.Encode(file, i.Draw()); err != nil {
		return "", err
	}
	if err := form.Close(); err != nil {
		return "", err
	}
	var uploaded struct {
		Markdown string `json:"markdown"`
	}
	r := apiclient.Request{Method: http.MethodPost, Path: root + "/media", Type: form.FormDataContentType(), Body: body.Bytes()}
	err = c.api.Retry(ctx, r, &uploaded)
	return uploaded.Markdown, err
}

const root = "/api/v1"

// json sends a request with a JSON body, unless in is nil. A program that is the
// only writer may overwrite whatever version there is.
func (c *Client) json(ctx context.Context, method, path string, in, out any) error {
	r := apiclient.Request{Method: method, Path: root + path}
	if in != nil {
		r.Body = apiclient.JSON(in)
	}
	if method == http.MethodPatch || method == http.MethodDelete {
		r.IfMatch = "*"
	}
	return c.api.Retry(ctx, r, out)
}
