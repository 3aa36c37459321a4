package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"dateline/internal/liveblog"
	"dateline/internal/media"
	"dateline/internal/server/access"
	"dateline/internal/server/middleware"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
)

// pictures is a MediaStore in memory that counts its reads.
type pictures struct {
	mu    sync.Mutex
	media map[uuid.UUID]*liveblog.Media
	blobs map[string][]byte
	reads atomic.Int64
	gate  chan struct{} // reads of blobs wait for it when it is not nil
}

func (p *pictures) CreateMedia(_ context.Context, _ liveblog.Actor, key liveblog.IdempotencyKey, m *liveblog.Media, blobs []liveblog.Blob) (*liveblog.Media, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range blobs {
		p.blobs[b.Key] = b.Data
	}
	p.media[m.ID] = m
	return m, key.Key == "replayed-replayed", nil
}

func (p *pictures) Media(_ context.Context, ids []uuid.UUID) (map[uuid.UUID]*liveblog.Media, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	found := map[uuid.UUID]*liveblog.Media{}
	for _, id := range ids {
		if m, ok := p.media[id]; ok {
			copied := *m
			found[id] = &copied
		}
	}
	return found, nil
}

func (p *pictures) UpdateMedia(_ context.Context, _ liveblog.Actor, id uuid.UUID, patch liveblog.MediaPatch) (*liveblog.Media, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m, ok := p.media[id]
	if !ok {
		return nil, liveblog.ErrNotFound
	}
	for to, text := range map[*string]*string{&m.Alt: patch.Alt, &m.Caption: patch.Caption, &m.Credit: patch.Credit} {
		if text != nil {
			*to = *text
		}
	}
	return m, nil
}

// mediaBlogs is a store of two blogs, for pictures; everybody whose id ends with
// an e is an editor of the first.
type mediaBlogs struct {
	BlogStore
	first, second *liveblog.Blog
}

func (b mediaBlogs) Blog(_ context.Context, slug string) (*liveblog.Blog, error) {
	for _, blog := range []*liveblog.Blog{b.first, b.second} {
		if blog.Slug == slug {
			return blog, nil
		}
	}
	return nil, liveblog.ErrNotFound
}

func (b mediaBlogs) MemberRole(_ context.Context, blogID, user uuid.UUID) (liveblog.Role, error) {
	if blogID == b.first.ID && user[15] == 'e' {
		return liveblog.RoleEditor, nil
	}
	return liveblog.RoleNone, nil
}

// The user that uploads pictures in tests, unless X-User names another one by a letter.
func mediaUser(letter string) *liveblog.User {
	u := &liveblog.User{}
	copy(u.ID[15:], letter+"u")
	return u
}

func (p *pictures) Blob(ctx context.Context, key string) ([]byte, error) {
	p.reads.Add(1)
	if p.gate != nil {
		<-p.gate
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	data, ok := p.blobs[key]
	if !ok {
		return nil, fmt.Errorf("blob: %w", liveblog.ErrNotFound)
	}
	return data, nil
}

// newMediaServer has only the routes of pictures; the header X-Role says who asks.
func newMediaServer(t *testing.T) (http.Handler, *pictures) {
	t.Helper()
	setGlobals()
	store := &pictures{media: map[uuid.UUID]*liveblog.Media{}, blobs: map[string][]byte{}}
	blogs := mediaBlogs{first: &liveblog.Blog{ID: uuid.New(), Slug: "first", Status: liveblog.BlogLive}, second: &liveblog.Blog{ID: uuid.New(), Slug: "second", Status: liveblog.BlogLive}}
	engine := gin.New()
	engine.HandleMethodNotAllowed = true
	engine.Use(middleware.RequestID, middleware.Recovery, middleware.SecurityHeaders, func(c *gin.Context) {
		if role := liveblog.Role(c.GetHeader("X-Role")); role != "" {
			p := &liveblog.Principal{User: mediaUser(c.GetHeader("X-User")), Role: role}
			if slug := c.GetHeader("X-Token"); slug != "" {
				p = &liveblog.Principal{TokenID: "t", Scopes: []liveblog.Scope{liveblog.ScopeMedia}}
				if blog, err := blogs.Blog(c, slug); err == nil {
					p.BlogID = &blog.ID
				}
			}
			a := liveblog.ActorOf(c.Request.Context())
			a.Principal = p
			c.Request = c.Request.WithContext(liveblog.WithActor(c.Request.Context(), a))
		}
	})
	reads := access.NewReads(0)
	wall := access.NewWall(engine, access.NewBlogs(blogs, reads), store, reads)
	who, err := access.NewAuthenticator(nil, nil, reads)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range newParts(Options{Blogs: blogs, Media: store}, reads, access.NewBlogs(blogs, reads), who).routes() {
		if strings.Contains(r.path, "/media") || strings.HasSuffix(r.path, "/preview") {
			wall.Mount(r.method, r.path, r.action, r.handler, r.options)
		}
	}
	wall.MountHEAD()
	return engine, store
}

// mediaBody is what the tests read of an image in an answer.
type mediaBody struct {
	ID                                  uuid.UUID
	Width, Height                       int
	Alt, Caption, Credit, Markdown, URL string
	Color                               string
	Variants                            []struct {
		Width, Height int
		Type, URL     string
	}
}

// Limits of an upload, as in package api.
const (
	uploadExtra = 64 << 10
	uploadText  = 8 << 10
)

func photoOf(t *testing.T, w, h int) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		m.Pix[i] = []uint8{200, 100, 50, 255}[i%4]
	}
	m.Set(0, 0, color.Black)
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// form builds a multipart body of name and value pairs; the value of "file" is the file.
func form(t *testing.T, parts ...[2]string) (contentType string, body []byte) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		create := w.CreateFormField
		if p[0] == "file" {
			create = func(name string) (io.Writer, error) { return w.CreateFormFile(name, "../../evil.svg") }
		}
		part, err := create(p[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(part, p[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), b.Bytes()
}

func send(t *testing.T, h http.Handler, method, path string, body []byte, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), method, path, bytes.NewReader(body))
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}

func uploadPhoto(t *testing.T, h http.Handler, headers ...string) mediaBody {
	t.Helper()
	return uploadTo(t, h, "/api/v1/media", headers...)
}

func uploadTo(t *testing.T, h http.Handler, path string, headers ...string) mediaBody {
	t.Helper()
	kind, body := form(t, [2]string{"file", string(photoOf(t, 1000, 500))}, [2]string{"alt", "a [b]"}, [2]string{"caption", "two\nlines"}, [2]string{"credit", "me"})
	w := send(t, h, http.MethodPost, path, body, append([]string{"X-Role", "contributor", "Content-Type", kind}, headers...)...)
	var out mediaBody
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != http.StatusCreated {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return out
}

func TestUpload(t *testing.T) {
	t.Parallel()
	h, _ := newMediaServer(t)
	got := uploadPhoto(t, h)
	if got.Width != 1000 || got.Height != 500 || got.Alt != "a [b]" || got.Caption != "two lines" || got.Credit != "me" || len(got.Variants) != 3 {
		t.Errorf("got %+v", got)
	}
	if want := `![a \[b\]](media:` + got.ID.String() + ` "two lines")`; got.Markdown != want || got.URL != "/media/"+got.ID.String()+"/800.jpg" {
		t.Errorf("got %s and %s, want %s", got.Markdown, got.URL, want)
	}
	w := send(t, h, http.MethodPost, "/api/v1/preview", []byte(`{"body":`+string(mustJSON(t, got.Markdown))+`}`), "X-Role", "contributor", "Content-Type", "application/json")
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), got.URL) {
		t.Errorf("preview: %d %s", w.Code, w.Body)
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestUpload_Replay(t *testing.T) {
	t.Parallel()
	h, _ := newMediaServer(t)
	kind, body := form(t, [2]string{"file", string(photoOf(t, 10, 10))})
	w := send(t, h, http.MethodPost, "/api/v1/media", body, "Content-Type", kind, "X-Role", "editor", "Idempotency-Key", "replayed-replayed")
	if w.Code != http.StatusCreated || w.Header().Get("Idempotent-Replayed") != "true" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func TestUpload_Refusals(t *testing.T) {
	t.Parallel()
	h, store := newMediaServer(t)
	photo := string(photoOf(t, 10, 10))
	file := [2]string{"file", photo}
	for name, tt := range map[string]struct {
		role   string
		parts  [][2]string
		header [2]string
		status int
	}{
		"nobody":           {"", [][2]string{file}, [2]string{}, http.StatusUnauthorized},
		"viewer":           {"viewer", [][2]string{file}, [2]string{}, http.StatusForbidden},
		"no file":          {"editor", [][2]string{{"alt", "x"}}, [2]string{}, http.StatusUnprocessableEntity},
		"empty file":       {"editor", [][2]string{{"file", ""}}, [2]string{}, http.StatusUnprocessableEntity},
		"two files":        {"editor", [][2]string{file, file}, [2]string{}, http.StatusUnprocessableEntity},
		"two alts":         {"editor", [][2]string{file, {"alt", "1"}, {"alt", "2"}}, [2]string{}, http.StatusUnprocessableEntity},
		"unknown part":     {"editor", [][2]string{file, {"role", "admin"}}, [2]string{}, http.StatusUnprocessableEntity},
		"many parts":       {"editor", [][2]string{{"alt", "1"}, {"caption", "2"}, {"credit", "3"}, file, {"alt", "5"}, {"alt", "6"}}, [2]string{}, http.StatusUnprocessableEntity},
		"long alt":         {"editor", [][2]string{file, {"alt", strings.Repeat("x", 1001)}}, [2]string{}, http.StatusUnprocessableEntity},
		"huge alt":         {"editor", [][2]string{file, {"alt", strings.Repeat("x", uploadText+1)}}, [2]string{}, http.StatusRequestEntityTooLarge},
		"SVG":              {"editor", [][2]string{{"file", "<svg onload=alert(1)/>"}}, [2]string{}, http.StatusUnsupportedMediaType},
		"truncated":        {"editor", [][2]string{{"file", photo[:len(photo)/2]}}, [2]string{}, http.StatusUnsupportedMediaType},
		"file too large":   {"editor", [][2]string{{"file", strings.Repeat("x", media.MaxUpload+1)}}, [2]string{}, http.StatusRequestEntityTooLarge},
		"body too large":   {"editor", [][2]string{{"file", strings.Repeat("x", media.MaxUpload+uploadExtra)}}, [2]string{}, http.StatusRequestEntityTooLarge},
		"no form":          {"editor", [][2]string{file}, [2]string{"Content-Type", "image/jpeg"}, http.StatusUnsupportedMediaType},
		"no boundary":      {"editor", [][2]string{file}, [2]string{"Content-Type", "multipart/form-data"}, http.StatusUnsupportedMediaType},
		"wrong boundary":   {"editor", [][2]string{file}, [2]string{"Content-Type", "multipart/form-data; boundary=x"}, http.StatusUnprocessableEntity},
		"bad key":          {"editor", [][2]string{file}, [2]string{"Idempotency-Key", "short"}, http.StatusUnprocessableEntity},
		"not even UTF-8":   {"editor", [][2]string{file, {"alt", "\xff"}}, [2]string{}, http.StatusUnprocessableEntity},
		"NUL in a caption": {"editor", [][2]string{file, {"caption", "a\x00b"}}, [2]string{}, http.StatusUnprocessableEntity},
	} {
		kind, body := form(t, tt.parts...)
		headers := []string{"Content-Type", kind, "X-Role", tt.role}
		if tt.header[0] != "" {
			headers = append(headers, tt.header[0], tt.header[1])
		}
		w := send(t, h, http.MethodPost, "/api/v1/media", body, headers...)
		if w.Code != tt.status || !strings.HasPrefix(w.Header().Get("Content-Type"), "application/problem+json") || strings.Contains(w.Body.String(), "evil.svg") {
			t.Errorf("%s: %d %s, want %d", name, w.Code, w.Body, tt.status)
		}
	}
	if len(store.media) != 0 {
		t.Errorf("%d pictures were stored", len(store.media))
	}
}

func TestUpload_BodyOfStrangersIsNotRead(t *testing.T) {
	t.Parallel()
	h, _ := newMediaServer(t)
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/media", unreadable{t})
	req.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	if w.Code != http.StatusUnauthorized {
		t.Errorf("got %d", w.Code)
	}
}

// unreadable is a body that must stay unread.
type unreadable struct{ t *testing.T }

func (u unreadable) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func TestMedia_ChangeTexts(t *testing.T) {
	t.Parallel()
	h, _ := newMediaServer(t)
	path := "/api/v1/media/" + uploadPhoto(t, h).ID.String()
	w := send(t, h, http.MethodPatch, path, []byte(`{"alt":"new"}`), "X-Role", "contributor", "Content-Type", "application/json")
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	var got mediaBody
	w = send(t, h, http.MethodGet, path, nil, "X-Role", "contributor")
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.Alt != "new" || got.Caption != "two lines" {
		t.Errorf("got %+v, %v", got, err)
	}
	for path, status := range map[string]int{"/api/v1/media/" + uuid.NewString(): http.StatusNotFound, "/api/v1/media/x": http.StatusUnprocessableEntity} {
		if w := send(t, h, http.MethodGet, path, nil, "X-Role", "contributor"); w.Code != status {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// A picture is its uploader's, its blog's editors' and that of who edits all
// blogs. For others, and for tokens of other blogs, there is none; its bytes are
// readers'.
func TestMedia_BelongsToUploaderAndBlog(t *testing.T) {
	t.Parallel()
	h, _ := newMediaServer(t)
	none := uploadPhoto(t, h)
	first := uploadTo(t, h, "/api/v1/media?blog=first")
	bound := uploadPhoto(t, h, "X-Token", "first")
	all := []mediaBody{none, first, bound}
	for who, c := range map[string]struct {
		headers []string
		sees    [3]bool
	}{
		"the uploader":            {[]string{"X-Role", "contributor"}, [3]bool{true, true, false}},
		"another contributor":     {[]string{"X-Role", "contributor", "X-User", "x"}, [3]bool{}},
		"an editor of the blog":   {[]string{"X-Role", "viewer", "X-User", "e"}, [3]bool{false, true, true}},
		"an editor of all":        {[]string{"X-Role", "editor", "X-User", "x"}, [3]bool{true, true, true}},
		"a viewer":                {[]string{"X-Role", "viewer", "X-User", "x"}, [3]bool{}},
		"the blog's token":        {[]string{"X-Role", "x", "X-Token", "first"}, [3]bool{false, true, true}},
		"a token of another blog": {[]string{"X-Role", "x", "X-Token", "second"}, [3]bool{}},
		"a token of all":          {[]string{"X-Role", "x", "X-Token", "all"}, [3]bool{true, true, true}},
	} {
		for i, m := range all {
			for _, method := range []string{http.MethodGet, http.MethodPatch} {
				w := send(t, h, method, "/api/v1/media/"+m.ID.String(), []byte(`{"alt":"new"}`), append(c.headers, "Content-Type", "application/json")...)
				if (w.Code == http.StatusOK) != c.sees[i] || !c.sees[i] && w.Code != http.StatusNotFound && w.Code != http.StatusForbidden {
					t.Errorf("%s, picture %d: %s %d", who, i, method, w.Code)
				}
			}
			if w := send(t, h, http.MethodGet, m.URL, nil, c.headers...); w.Code != http.StatusOK {
				t.Errorf("%s, the bytes of picture %d: %d", who, i, w.Code)
			}
		}
	}
	kind, body := form(t, [2]string{"file", string(photoOf(t, 10, 10))})
	for path, c := range map[string]struct {
		headers []string
		want    int
	}{
		"/api/v1/media?blog=second":        {[]string{"X-Role", "x", "X-Token", "first"}, http.StatusForbidden},
		"/api/v1/media?blog=first":         {[]string{"X-Role", "viewer", "X-User", "e"}, http.StatusCreated},
		"/api/v1/media":                    {[]string{"X-Role", "viewer", "X-User", "e"}, http.StatusForbidden},
		"/api/v1/media?blog=there-is-none": {[]string{"X-Role", "editor"}, http.StatusNotFound},
	} {
		if w := send(t, h, http.MethodPost, path, body, append(c.headers, "Content-Type", kind)...); w.Code != c.want {
			t.Errorf("%s %v: %d %s", path, c.headers, w.Code, w.Body)
		}
	}
}

func TestPreview(t *testing.T) {
	t.Parallel()
	h, _ := newMediaServer(t)
	for _, tt := range []struct {
		role, body string
		status     int
		contains   string
	}{
		{"contributor", `{"body":"*a*"}`, http.StatusOK, `"html":"<p><em>a</em></p>","text":"a"`},
		{"contributor", `{"body":"1. FC","format":"text"}`, http.StatusOK, `"html":"<p>1. FC</p>"`},
		{"contributor", `{"body":"<b>x</b><script>y</script>","format":"html"}`, http.StatusOK, `"html":"<p><strong>x</strong></p>"`},
		{"contributor", `{"body":"![x](media:11111111-89ab-4def-8123-456789abcdef)"}`, http.StatusUnprocessableEntity, `"location":"body.body"`},
		{"contributor", `{"body":"x","format":"rtf"}`, http.StatusUnprocessableEntity, "format"},
		{"viewer", `{"body":"x"}`, http.StatusForbidden, "not_allowed"},
		{"", `{"body":"x"}`, http.StatusUnauthorized, "not_signed_in"},
	} {
		w := send(t, h, http.MethodPost, "/api/v1/preview", []byte(tt.body), "X-Role", tt.role, "Content-Type", "application/json")
		body := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(w.Body.String())
		if w.Code != tt.status || !strings.Contains(body, tt.contains) {
			t.Errorf("%s as %q: %d %s", tt.body, tt.role, w.Code, body)
		}
	}
}
