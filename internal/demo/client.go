package demo

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"io"
	mathrand "math/rand/v2"
	"mime/multipart"
	"net/http"
	"strings"
	"time"
)

// Client speaks to the API with an API token. Everything it does can be
// repeated safely, and is repeated when the server is busy or away.
type Client struct {
	url   string
	token string
	http  *http.Client
}

// Limits of a request: how often it is tried, how long one try may take, and
// the first and longest pause between tries.
const (
	tries      = 8
	tryTimeout = 30 * time.Second
	firstPause = 100 * time.Millisecond
	maxPause   = 5 * time.Second
)

// NewClient makes a Client for the server at url, "http://127.0.0.1:8080".
func NewClient(url, token string) *Client {
	return &Client{url: strings.TrimSuffix(url, "/"), token: token, http: &http.Client{Timeout: tryTimeout}}
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

// APIError is an answer that says no.
type APIError struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Errors []struct {
		Location string `json:"location"`
		Message  string `json:"message"`
	} `json:"errors"`
}

// Error tells status, code and detail.
func (e *APIError) Error() string {
	text := fmt.Sprintf("the server answered %d %s: %s", e.Status, e.Code, e.Detail)
	for _, f := range e.Errors {
		text += fmt.Sprintf("; %s %s", f.Location, f.Message)
	}
	return text
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
	var e *APIError
	if errors.As(err, &e) && e.Status == http.StatusGone {
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
	err = c.do(ctx, http.MethodPost, "/media", form.FormDataContentType(), body.Bytes(), &uploaded)
	return uploaded.Markdown, err
}

func (c *Client) json(ctx context.Context, method, path string, in, out any) error {
	if in == nil {
		return c.do(ctx, method, path, "", nil, out)
	}
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return c.do(ctx, method, path, "application/json", body, out)
}

// do repeats a request, always with the same key, until it has an answer that
// waiting would not change.
func (c *Client) do(ctx context.Context, method, path, contentType string, body []byte, out any) error {
	key, pause := rand.Text(), firstPause
	for try := 1; ; try++ {
		retry, err := c.try(ctx, method, path, contentType, key, body, out)
		if !retry || try == tries {
			return err
		}
		if stopped := wait(ctx, pause/2+mathrand.N(pause)); stopped != nil {
			return errors.Join(stopped, err)
		}
		pause = min(2*pause, maxPause)
	}
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Client) try(ctx context.Context, method, path, contentType, key string, body []byte, out any) (retry bool, err error) {
	req, err := http.NewRequestWithContext(ctx, method, c.url+"/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	c.sign(req, contentType, key)
	res, err := c.http.Do(req)
	if err != nil {
		return ctx.Err() == nil, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return ctx.Err() == nil, fmt.Errorf("read answer: %w", err)
	}
	if res.StatusCode >= http.StatusBadRequest {
		return refused(res.StatusCode, answer)
	}
	if out == nil {
		return false, nil
	}
	return false, json.Unmarshal(answer, out)
}

// sign sets the headers. A program that is the only writer may overwrite
// whatever version there is.
func (c *Client) sign(req *http.Request, contentType, key string) {
	req.Header.Set("Authorization", "Bearer "+c.token)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	switch req.Method {
	case http.MethodPost:
		req.Header.Set("Idempotency-Key", key)
	case http.MethodPatch, http.MethodDelete:
		req.Header.Set("If-Match", "*")
	}
}

func refused(status int, answer []byte) (retry bool, err error) {
	e := &APIError{Status: status}
	if json.Unmarshal(answer, e) != nil {
		e.Detail = http.StatusText(status)
	}
	e.Status = status
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true, e
	}
	return false, e
}
