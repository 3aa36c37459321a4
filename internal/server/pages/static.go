package pages

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"strings"

	"dateline/internal/compress"
	"dateline/internal/server/access"

	"github.com/gin-gonic/gin"
)

// assets are files served under /static/, each at a URL that changes with its
// content, so that browsers may keep it for ever.
type assets struct {
	byURL  map[string]asset  // by the last element of the URL
	byName map[string]string // URL by name of the file
}

type asset struct {
	contentType string
	plain       []byte
	gzipped     []byte
}

// How long browsers keep files: for good, where the content is in the name, or until they
// revalidate.
const (
	Immutable  = "public, max-age=31536000, immutable"
	Revalidate = "no-cache"
)

const (
	staticPath   = "/static/"
	hashLength   = 10 // characters of base64url: 60 bits
	faviconAsset = "icon.svg"
)

func newAssets(files fs.FS) (*assets, error) {
	a := &assets{byURL: map[string]asset{}, byName: map[string]string{}}
	names, err := fs.Glob(files, "*.*")
	if err != nil {
		return nil, fmt.Errorf("list assets: %w", err)
	}
	for _, name := range names {
		content, err := joined(files, name)
		if err != nil {
			return nil, fmt.Errorf("read asset: %w", err)
		}
		a.add(name, content)
	}
	return a, nil
}

var (
	importLine = regexp.MustCompile(`(?m)^import .* from '(\.\.?/.+)'\n`)
	exportWord = regexp.MustCompile(`(?m)^export `)
)

// joined reads a script with all files that it imports, also indirectly, each once and
// before the file that needs it: one request, and one dictionary for gzip. The top-level
// names of all files share one scope. Other files are returned as they are.
func joined(files fs.FS, name string) ([]byte, error) {
	source, err := fs.ReadFile(files, name)
	if err != nil || path.Ext(name) != ".js" {
		return source, err
	}
	var out bytes.Buffer
	if err := writeImports(&out, files, name, source, map[string]bool{name: true}); err != nil {
		return nil, err
	}
	out.Write(importLine.ReplaceAll(source, nil))
	return out.Bytes(), nil
}

// writeImports writes the files that a source imports, without their import lines and
// export words, unless they are in written.
func writeImports(out *bytes.Buffer, files fs.FS, name string, source []byte, written map[string]bool) error {
	for _, line := range importLine.FindAllSubmatch(source, -1) {
		imported := path.Join(path.Dir(name), string(line[1]))
		if written[imported] {
			continue
		}
		written[imported] = true
		part, err := fs.ReadFile(files, imported)
		if err != nil {
			return fmt.Errorf("imported by %s: %w", name, err)
		}
		if err := writeImports(out, files, imported, part, written); err != nil {
			return err
		}
		out.Write(exportWord.ReplaceAll(importLine.ReplaceAll(part, nil), nil))
	}
	return nil
}

func (a *assets) add(name string, content []byte) {
	ext := path.Ext(name)
	if ext == ".js" || ext == ".css" {
		content = stripComments(content)
	}
	if ext == ".js" {
		content = squeezed(content)
	}
	sum := sha256.Sum256(content)
	hashed := strings.TrimSuffix(name, ext) + "." + base64.RawURLEncoding.EncodeToString(sum[:])[:hashLength] + ext
	a.byName[name] = staticPath + hashed
	a.byURL[hashed] = asset{contentType: MediaType(ext), plain: content, gzipped: compress.Best(content)}
}

// MediaType is the media type of a built file. It does not depend on the tables of the machine,
// which differ.
func MediaType(ext string) string {
	switch ext {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	default:
		return mime.TypeByExtension(ext)
	}
}

// stripComments leaves out whole-line comments and indentation, so that the
// sources can explain themselves at no cost to readers. The sources keep to
// comments on lines of their own and have no strings over several lines.
func stripComments(source []byte) []byte {
	var out bytes.Buffer
	comment := false
	for line := range strings.Lines(string(source)) {
		line = strings.TrimSpace(line)
		comment = comment || strings.HasPrefix(line, "/*")
		if !comment && line != "" && !strings.HasPrefix(line, "//") {
			out.WriteString(line + "\n")
		}
		comment = comment && !strings.HasSuffix(line, "*/")
	}
	return out.Bytes()
}

// squeezed leaves out the spaces around punctuation, outside strings. The sources
// have no regular expression with a quote or a space in it.
func squeezed(source []byte) []byte {
	tight := func(c byte) bool { return strings.IndexByte("=<>?:{}(),;&|![]\n", c) >= 0 }
	out, quote := make([]byte, 0, len(source)), byte(0)
	for i, c := range source {
		switch {
		case quote != 0 && c == quote && source[i-1] != '\\':
			quote = 0
		case quote == 0 && strings.IndexByte("'\"`", c) >= 0:
			quote = c
		case quote == 0 && c == ' ' && (tight(source[i-1]) || tight(source[i+1])):
			continue
		}
		out = append(out, c)
	}
	return out
}

// url is the address of an asset, for templates.
func (a *assets) url(name string) (string, error) {
	if u, ok := a.byName[name]; ok {
		return u, nil
	}
	return "", fmt.Errorf("no asset %q", name)
}

// Static serves the files that pages load.
func (s *Site) Static() access.Handler {
	return access.Endpoint{Serve: func(c *gin.Context) error { return s.writeAsset(c, c.Param("name"), Immutable) }}
}

// Favicon serves the icon to clients that do not look for one in a page.
func (s *Site) Favicon() access.Handler {
	return access.Endpoint{Serve: func(c *gin.Context) error {
		return s.writeAsset(c, path.Base(s.render.assets.byName[faviconAsset]), Revalidate)
	}}
}

// Robots keeps search engines out of the editors' page and the API.
func (s *Site) Robots() access.Handler {
	return access.Endpoint{Serve: func(c *gin.Context) error {
		c.Header("Cache-Control", "public, max-age=3600")
		c.String(http.StatusOK, "User-agent: *\nDisallow: /admin/\nDisallow: /api/\n")
		return nil
	}}
}

func (s *Site) writeAsset(c *gin.Context, name, caching string) error {
	found, ok := s.render.assets.byURL[name]
	if !ok {
		s.NotFound(c)
		return nil
	}
	c.Header("Cache-Control", caching)
	c.Header("Vary", "Accept-Encoding")
	body := found.plain
	if compress.Accepts(c.Request) {
		c.Header("Content-Encoding", "gzip")
		body = found.gzipped
	}
	c.Data(http.StatusOK, found.contentType, body)
	return nil
}
