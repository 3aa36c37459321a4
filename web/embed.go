// Package web holds the readers' page: its templates, style sheet, scripts and icon.
package web

import "embed"

// Templates are the html/template files. post.html is the one template of a
// post, for pages and for the stream.
//
//go:embed *.html
var Templates embed.FS

// Assets are the files that pages link to, and the files that their script imports.
//
//go:embed reader.css reader.js reader/*.js follow.js icon.svg
var Assets embed.FS
