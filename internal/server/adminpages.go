package server

import (
	"io/fs"
	"net/http"
	"path"
	"strings"

	"dateline/internal/liveblog"

	"github.com/gin-gonic/gin"
)

// Names inside the built admin.
const (
	adminIndex = "index.html"
	docsIndex  = "docs/index.html"
	builtFiles = "assets/" // named by their content
)

// adminRoutes serve the editors' page and the API's documentation, which are
// built into the binary.
func (s *Server) adminRoutes() {
	s.engine.GET("/admin", func(c *gin.Context) { c.Redirect(http.StatusPermanentRedirect, "/admin/") })
	s.engine.GET("/admin/*file", handle(func(c *gin.Context) error {
		return s.adminFile(c, strings.TrimPrefix(c.Param("file"), "/"), adminIndex)
	}))
	s.engine.GET("/api/docs", func(c *gin.Context) { c.Redirect(http.StatusPermanentRedirect, "/api/docs/") })
	s.engine.GET("/api/docs/*file", handle(func(c *gin.Context) error {
		return s.adminFile(c, "docs"+c.Param("file"), docsIndex)
	}))
}

// adminFile serves one built file. What has its content in its name is kept for
// ever by browsers, the rest is asked for each time.
func (s *Server) adminFile(c *gin.Context, name, index string) error {
	if name == "" || strings.HasSuffix(name, "/") {
		name = index
	}
	if s.options.Admin == nil || !exists(s.options.Admin, index) {
		return liveblog.Errorf(liveblog.ErrNotFound, "not_built", "this binary holds no editors' page: build it with make")
	}
	content, err := fs.ReadFile(s.options.Admin, name)
	if err != nil {
		return liveblog.Errorf(liveblog.ErrNotFound, "not_found", "there is no such file")
	}
	c.Header("Cache-Control", revalidate)
	if strings.HasPrefix(name, builtFiles) {
		c.Header("Cache-Control", immutable)
	}
	c.Header("Vary", "Accept-Encoding")
	if packed, ok := s.packed(name); ok && acceptsGzip(c.Request) {
		c.Header("Content-Encoding", "gzip")
		content = packed
	}
	c.Data(http.StatusOK, adminType(name), content)
	return nil
}

func exists(files fs.FS, name string) bool {
	_, err := fs.Stat(files, name)
	return err == nil
}

// packed gives the file as gzip, if it shrinks by that; it is packed once.
func (s *Server) packed(name string) ([]byte, bool) {
	if packed, ok := s.adminPacked.Load(name); ok {
		return packed.([]byte), true
	}
	switch path.Ext(name) {
	case ".html", ".js", ".css", ".svg", ".json":
	default:
		return nil, false
	}
	content, err := fs.ReadFile(s.options.Admin, name)
	if err != nil {
		return nil, false
	}
	packed, _ := s.adminPacked.LoadOrStore(name, gzipped(content))
	return packed.([]byte), true
}

func adminType(name string) string {
	if path.Ext(name) == ".html" {
		return "text/html; charset=utf-8"
	}
	return mediaType(path.Ext(name))
}
