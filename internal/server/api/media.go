package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/markup"
	"dateline/internal/media"
	"dateline/internal/server/access"
	"dateline/internal/server/middleware"
	"dateline/internal/server/operation"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
)

// MediaStore keeps images.
type MediaStore interface {
	access.MediaStore
	// CreateMedia stores an image and its blobs. For a key that was used before it returns what
	// that request created, and true.
	CreateMedia(ctx context.Context, a liveblog.Actor, key liveblog.IdempotencyKey, m *liveblog.Media, blobs []liveblog.Blob) (*liveblog.Media, bool, error)
	// UpdateMedia changes the texts of an image that are given.
	UpdateMedia(ctx context.Context, a liveblog.Actor, id uuid.UUID, patch liveblog.MediaPatch) (*liveblog.Media, error)
}

// Limits of an upload: the form's bytes beside the file's, its number of
// parts, the bytes of a text, how long the body may take to arrive.
const (
	uploadExtra   = 64 << 10
	uploadParts   = 5
	uploadText    = 8 << 10
	uploadTimeout = 60 * time.Second
)

// Media serves the operations on images.
type Media struct {
	doc    *operation.Document
	store  MediaStore
	images *media.Processor
}

// NewMedia makes Media.
func NewMedia(doc *operation.Document, store MediaStore) *Media {
	return &Media{doc, store, media.NewProcessor()}
}

// Upload stores an image.
func (m *Media) Upload() access.Handler { return operation.New(m.doc, uploadOperation(), m.upload) }

// Get shows an image's texts and variants.
func (m *Media) Get() access.Handler {
	return operation.New(m.doc, huma.Operation{OperationID: "get-media", Summary: "Get an image", Tags: []string{"Media"}}, m.get)
}

// Update changes an image's texts.
func (m *Media) Update() access.Handler {
	return operation.New(m.doc, huma.Operation{OperationID: "update-media", Summary: "Change an image's texts", Tags: []string{"Media"}}, m.update)
}

func uploadOperation() huma.Operation {
	text := func(doc string) *huma.Schema { return &huma.Schema{Type: huma.TypeString, Description: doc} }
	form := &huma.Schema{Type: huma.TypeObject, Required: []string{"file"}, Properties: map[string]*huma.Schema{
		"file":    {Type: huma.TypeString, Format: "binary", Description: "JPEG, PNG, GIF or WebP of at most 10 MB"},
		"alt":     text("What the image shows, for those who cannot see it"),
		"caption": text("Shown below the image"),
		"credit":  text("Who made it"),
	}}
	return huma.Operation{
		OperationID: "upload-media", Tags: []string{"Media"},
		Summary: "Upload an image", DefaultStatus: http.StatusCreated,
		Description:      "The image is turned upright, freed of metadata and stored in several sizes. Put `markdown` of the answer into a post to show it.",
		MaxBodyBytes:     media.MaxUpload + uploadExtra,
		BodyReadTimeout:  uploadTimeout,
		SkipValidateBody: true, // readUpload does it
		RequestBody:      &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"multipart/form-data": {Schema: form}}},
	}
}

type uploadInput struct {
	Idempotent
	Blog        string `query:"blog" doc:"The slug of the blog whose editors may change the image's texts; a token that is bound to a blog need not name it"`
	ContentType string `header:"Content-Type" hidden:"true"`
	RawBody     []byte `contentType:"multipart/form-data"`
}

// uploadBlog is the blog that a new image is for: the one that is named, or otherwise the one
// that a token is bound to.
func (in *uploadInput) uploadBlog(ctx context.Context) *uuid.UUID {
	if in.Blog == "" {
		return liveblog.PrincipalOf(ctx).BlogID
	}
	return &access.BlogOf(ctx).Blog.ID
}

type mediaOutput struct {
	Replayed string `header:"Idempotent-Replayed" doc:"true when an earlier request with this Idempotency-Key did it"`
	Body     mediaBody
}

func (m *Media) upload(ctx context.Context, in *uploadInput) (*mediaOutput, error) {
	up, err := readUpload(in.ContentType, in.RawBody)
	in.RawBody = nil // one copy is enough while the image waits for its turn
	if err != nil {
		return nil, err
	}
	request := []any{sha256.Sum256(up.file), up.media.Alt, up.media.Caption, up.media.Credit}
	if in.Blog != "" {
		request = append(request, in.Blog)
	}
	key, err := in.key("upload-media", request)
	if err != nil {
		return nil, err
	}
	created := up.media
	created.Normalize()
	if err := created.Validate(); err != nil {
		return nil, err
	}
	img, err := m.images.Process(ctx, up.file)
	if err != nil {
		return nil, err
	}
	created.ID, created.BlogID, created.CreatedBy = uuid.New(), in.uploadBlog(ctx), liveblog.PrincipalOf(ctx).AuthorID()
	created.Width, created.Height, created.Color, created.Variants = img.Media.Width, img.Media.Height, img.Media.Color, img.Media.Variants
	stored, replayed, err := m.store.CreateMedia(ctx, liveblog.ActorOf(ctx), key, &created, img.Blobs)
	if err != nil {
		return nil, err
	}
	return &mediaOutput{Replayed: replayedHeader(replayed), Body: showMedia(stored)}, nil
}

// upload is a form as it was sent.
type upload struct {
	file  []byte
	media liveblog.Media
	taken map[string]bool // names of parts
}

// readUpload parses the form. It ignores the file's name and declared type: only its bytes
// count.
func readUpload(contentType string, body []byte) (*upload, error) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" {
		return nil, liveblog.Errorf(liveblog.ErrMediaType, "unsupported_media_type", "send multipart/form-data")
	}
	up := &upload{taken: map[string]bool{}}
	r := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for range uploadParts {
		part, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return up, up.complete()
		}
		if err != nil {
			return nil, badUpload("is not a complete form")
		}
		if err := up.take(part); err != nil {
			return nil, err
		}
	}
	return nil, badUpload("has too many parts")
}

func (u *upload) take(part *multipart.Part) error {
	if err := middleware.OnlyUTF8(part.Header.Values("Content-Type")); err != nil {
		return err
	}
	limit := int64(uploadText)
	if part.FormName() == "file" {
		limit = media.MaxUpload
	}
	data, err := io.ReadAll(io.LimitReader(part, limit+1))
	if err != nil {
		return badUpload("is not a complete form")
	}
	if int64(len(data)) > limit {
		return liveblog.Errorf(liveblog.ErrTooLarge, "too_large", "%s has more than %d bytes", part.FormName(), limit)
	}
	return u.set(part.FormName(), data)
}

func (u *upload) set(name string, data []byte) error {
	texts := map[string]*string{"alt": &u.media.Alt, "caption": &u.media.Caption, "credit": &u.media.Credit}
	text, isText := texts[name]
	if u.taken[name] || !isText && name != "file" {
		return badUpload("may have file, alt, caption and credit, each once")
	}
	u.taken[name] = true
	if isText {
		*text = string(data)
	} else {
		u.file = data
	}
	return nil
}

func (u *upload) complete() error {
	if len(u.file) == 0 {
		return badUpload("must have a file")
	}
	return nil
}

func badUpload(message string) error {
	return &liveblog.Problem{Err: liveblog.ErrInvalid, Code: "invalid", Detail: "the form cannot be used",
		Fields: []liveblog.FieldError{{Location: "body", Message: message}}}
}

// MediaPath is embedded in the input of operations on one image.
type MediaPath struct {
	ID uuid.UUID `path:"id" doc:"The image's id"`
}

func (m *Media) get(ctx context.Context, in *MediaPath) (*mediaOutput, error) {
	found, err := access.OneMedia(ctx, m.store, in.ID)
	if err != nil {
		return nil, err
	}
	return &mediaOutput{Body: showMedia(found)}, nil
}

type mediaUpdateInput struct {
	MediaPath
	Body struct {
		Alt     *string `json:"alt,omitempty" maxLength:"1000"`
		Caption *string `json:"caption,omitempty" maxLength:"1000"`
		Credit  *string `json:"credit,omitempty" maxLength:"200"`
	}
}

func (m *Media) update(ctx context.Context, in *mediaUpdateInput) (*mediaOutput, error) {
	patch := liveblog.MediaPatch{Alt: in.Body.Alt, Caption: in.Body.Caption, Credit: in.Body.Credit}
	if err := patch.Normalize(); err != nil {
		return nil, err
	}
	updated, err := m.store.UpdateMedia(ctx, liveblog.ActorOf(ctx), in.ID, patch)
	if err != nil {
		return nil, err
	}
	return &mediaOutput{Body: showMedia(updated)}, nil
}

// mediaBody is an image as the API shows it.
type mediaBody struct {
	ID       uuid.UUID     `json:"id"`
	Width    int           `json:"width" doc:"Pixels, when upright"`
	Height   int           `json:"height"`
	Alt      string        `json:"alt"`
	Caption  string        `json:"caption"`
	Credit   string        `json:"credit"`
	Color    string        `json:"color" doc:"Average colour, to show while the image loads" example:"#a0b1c2"`
	Markdown string        `json:"markdown" doc:"Put this into a post"`
	URL      string        `json:"url" doc:"The variant to use when there can be only one"`
	Variants []variantBody `json:"variants"`
}

type variantBody struct {
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Type   string `json:"type"`
	URL    string `json:"url"`
}

func showMedia(m *liveblog.Media) mediaBody {
	out := mediaBody{ID: m.ID, Width: m.Width, Height: m.Height, Alt: m.Alt, Caption: m.Caption, Credit: m.Credit,
		Color: m.Color, Markdown: markup.Reference(m), URL: m.URL(m.Default()), Variants: []variantBody{}}
	for _, v := range m.Variants {
		out.Variants = append(out.Variants, variantBody{v.Width, v.Height, v.Type, m.URL(v)})
	}
	return out
}
