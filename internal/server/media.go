package server

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"time"

	"dateline/internal/auth"
	"dateline/internal/liveblog"
	"dateline/internal/markup"
	"dateline/internal/media"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
)

// MediaStore keeps pictures.
type MediaStore interface {
	// CreateMedia stores a picture and its blobs. For a key that was used
	// before it returns what that request created, and true.
	CreateMedia(ctx context.Context, a liveblog.Actor, key liveblog.IdempotencyKey, m *liveblog.Media, blobs []liveblog.Blob) (*liveblog.Media, bool, error)
	// Media finds pictures; those that do not exist are not in the answer.
	Media(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]*liveblog.Media, error)
	// UpdateMedia changes the texts of a picture that are given.
	UpdateMedia(ctx context.Context, a liveblog.Actor, id uuid.UUID, patch liveblog.MediaPatch) (*liveblog.Media, error)
	// Blob reads the bytes of a variant, or ErrNotFound.
	Blob(ctx context.Context, key string) ([]byte, error)
}

// Limits of an upload: the form's bytes beside the file's, its number of
// parts, the bytes of a text, how long the body may take to arrive.
const (
	uploadExtra   = 64 << 10
	uploadParts   = 5
	uploadText    = 8 << 10
	uploadTimeout = 60 * time.Second
)

const mediaPath = "/api/v1/media/{id}"

func (s *Server) mediaRoutes() {
	register(s, uploadOperation(), auth.UploadMedia, s.uploadMedia)
	register(s, huma.Operation{OperationID: "get-media", Method: http.MethodGet, Path: mediaPath,
		Summary: "Get an image", Tags: []string{"Media"}}, auth.UploadMedia, s.getMedia)
	register(s, huma.Operation{OperationID: "update-media", Method: http.MethodPatch, Path: mediaPath,
		Summary: "Change an image's texts", Tags: []string{"Media"}}, auth.UploadMedia, s.updateMedia)
	s.engine.GET("/media/:id/:name", handle(s.serveImage))
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
		OperationID: "upload-media", Method: http.MethodPost, Path: "/api/v1/media", Tags: []string{"Media"},
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

func (uploadInput) mayNameBlog() {}

// uploadBlog is the blog that a new picture is for: the one that is named, else
// the one that a token is bound to.
func (in *uploadInput) uploadBlog(ctx context.Context) *uuid.UUID {
	if in.Blog == "" {
		return liveblog.PrincipalOf(ctx).BlogID
	}
	return &blogOf(ctx).blog.ID
}

type mediaOutput struct {
	Replayed string `header:"Idempotent-Replayed" doc:"true when an earlier request with this Idempotency-Key did it"`
	Body     mediaBody
}

func (s *Server) uploadMedia(ctx context.Context, in *uploadInput) (*mediaOutput, error) {
	up, err := readUpload(in.ContentType, in.RawBody)
	in.RawBody = nil // while the picture waits for its turn, once in memory is enough
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
	m := up.media
	m.Normalize()
	if err := m.Validate(); err != nil {
		return nil, err
	}
	img, err := s.images.Process(ctx, up.file)
	if err != nil {
		return nil, err
	}
	m.ID, m.BlogID, m.CreatedBy = uuid.New(), in.uploadBlog(ctx), liveblog.PrincipalOf(ctx).AuthorID()
	m.Width, m.Height, m.Color, m.Variants = img.Media.Width, img.Media.Height, img.Media.Color, img.Media.Variants
	created, replayed, err := s.media.CreateMedia(ctx, liveblog.ActorOf(ctx), key, &m, img.Blobs)
	if err != nil {
		return nil, err
	}
	out := &mediaOutput{Body: showMedia(created)}
	if replayed {
		out.Replayed = "true"
	}
	return out, nil
}

// upload is a form as it was sent.
type upload struct {
	file  []byte
	media liveblog.Media
	taken map[string]bool // names of parts
}

// readUpload takes the form apart. The file's name and declared type are not
// even looked at: what counts is what it holds.
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
	if err := onlyUTF8(part.Header.Values("Content-Type")); err != nil {
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

func (m MediaPath) mediaID() uuid.UUID { return m.ID }

// authorizeMedia asks the policy about one picture; general is what it says about
// pictures of no blog. One that the principal may not see is not found. The bytes
// are not asked about: who knows a picture's id may look at it, as readers do.
func (s *Server) authorizeMedia(ctx context.Context, action auth.Action, id string, general error) error {
	if general != nil && !errors.Is(general, liveblog.ErrForbidden) {
		return general
	}
	parsed, err := uuid.Parse(id)
	if err != nil {
		return general // the operation refuses it
	}
	m, err := s.oneMedia(ctx, parsed)
	if err != nil {
		return cmp.Or(general, err)
	}
	p, member := liveblog.PrincipalOf(ctx), liveblog.RoleNone
	if p.User != nil && m.BlogID != nil {
		if member, err = s.blogs.MemberRole(ctx, *m.BlogID, p.User.ID); err != nil {
			return err
		}
	}
	if auth.Allow(p, action, m.BlogID, member) == nil && auth.AllowMedia(p, m, member) {
		return nil
	}
	return cmp.Or(general, errNoMedia(parsed))
}

func errNoMedia(id uuid.UUID) error {
	return liveblog.Errorf(liveblog.ErrNotFound, "media_not_found", "there is no image %s", id)
}

func (s *Server) getMedia(ctx context.Context, in *MediaPath) (*mediaOutput, error) {
	m, err := s.oneMedia(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &mediaOutput{Body: showMedia(m)}, nil
}

type mediaUpdateInput struct {
	MediaPath
	Body struct {
		Alt     *string `json:"alt,omitempty" maxLength:"1000"`
		Caption *string `json:"caption,omitempty" maxLength:"1000"`
		Credit  *string `json:"credit,omitempty" maxLength:"200"`
	}
}

func (s *Server) updateMedia(ctx context.Context, in *mediaUpdateInput) (*mediaOutput, error) {
	patch := liveblog.MediaPatch{Alt: in.Body.Alt, Caption: in.Body.Caption, Credit: in.Body.Credit}
	if err := patch.Normalize(); err != nil {
		return nil, err
	}
	m, err := s.media.UpdateMedia(ctx, liveblog.ActorOf(ctx), in.ID, patch)
	if err != nil {
		return nil, err
	}
	return &mediaOutput{Body: showMedia(m)}, nil
}

func (s *Server) oneMedia(ctx context.Context, id uuid.UUID) (*liveblog.Media, error) {
	found, err := s.media.Media(ctx, []uuid.UUID{id})
	if err != nil {
		return nil, err
	}
	m, ok := found[id]
	if !ok {
		return nil, errNoMedia(id)
	}
	return m, nil
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
