package server

import (
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"

	"dateline/internal/compress"
	"dateline/internal/liveblog"
	"dateline/internal/server/access"
	"dateline/internal/server/pages"

	"github.com/gin-gonic/gin"
)

// Names inside the built admin.
const (
	adminIndex = "index.html"
	docsIndex  = "docs/index.html"
	builtFiles = "assets/" // named by their content
)

// adminFiles serves the editors' page and the API's documentation, which are built into the
// binary.
type adminFiles struct {
	files  fs.FS    // nil when nothing was built
	packed sync.Map // gzip by name
}

// redirect makes the handler of the address without the slash at the end.
func redirect(to string) access.Handler {
	return access.Endpoint{Serve: func(c *gin.Context) error {
		c.Redirect(http.StatusPermanentRedirect, to)
		return nil
	}}
}

// admin serves the files of the editors' page.
func (a *adminFiles) admin() access.Handler {
	return access.Endpoint{Serve: func(c *gin.Context) error {
		return a.serve(c, strings.TrimPrefix(c.Param("file"), "/"), adminIndex)
	}}
}

// docs serves the files of the documentation.
func (a *adminFiles) docs() access.Handler {
	return access.Endpoint{Serve: func(c *gin.Context) error {
		return a.serve(c, "docs"+c.Param("file"), docsIndex)
	}}
}

// serve answers with one built file. Browsers keep files with the content in their names for
// good, and revalidate the others each time.
func (a *adminFiles) serve(c *gin.Context, name, index string) error {
	if name == "" || strings.HasSuffix(name, "/") {
		name = index
	}
	if a.files == nil || !exists(a.files, index) {
		return liveblog.Errorf(liveblog.ErrNotFound, "not_built", "this binary holds no editors' page: build it with make")
	}
	content, err := fs.ReadFile(a.files, name)
	if err != nil {
		return liveblog.Errorf(liveblog.ErrNotFound, "not_found", "there is no such file")
	}
	c.Header("Cache-Control", pages.Revalidate)
	if strings.HasPrefix(name, builtFiles) {
		c.Header("Cache-Control", pages.Immutable)
	}
	c.Header("Vary", "Accept-Encoding")
	if packed, ok := a.pack(name, content); ok && compress.Accepts(c.Request) {
		c.Header("Content-Encoding", "gzip")
		content = packed
	}
	kind := pages.MediaType(path.Ext(name))
	if path.Ext(name) == ".html" {
		kind = "text/html; charset=utf-8"
	}
	c.Data(http.StatusOK, kind, content)
	return nil
}

func exists(files fs.FS, name string) bool {
	_, err := fs.Stat(files, name)
	return err == nil
}

// pack compresses a file, once, if its kind shrinks by that.
func (a *adminFiles) pack(name string, content []byte) (packed []byte, ok bool) {
	if packed, ok := a.packed.Load(name); ok {
		return packed.([]byte), true
	}
	switch path.Ext(name) {
	case ".html", ".js", ".css", ".svg", ".json":
		packed, _ := a.packed.LoadOrStore(name, compress.Best(content))
		return packed.([]byte), true
	default:
		return nil, false
	}
}
